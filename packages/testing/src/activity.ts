import { clearTimeout, setImmediate, setTimeout } from "node:timers";

// Taken when the module loads, so that a test runner's fake timers do not stop the bed.
const later = setImmediate;
const startTimer = setTimeout;
const stopTimer = clearTimeout;

/** Turns of the event loop without a change after which nothing moves any more. */
const STILL_TURNS = 2;

/** Something is in the works and does not end. */
export class NotDone extends Error {
  override readonly name = "NotDone";
}

/** What is in the works in a bed, and when it changes. */
export class Activity {
  readonly #calls = new Set<{ readonly what: string }>();
  readonly #deliveries = new Set<{ readonly what: string }>();
  readonly #listeners = new Set<() => void>();
  readonly #pauses = new Set<{ readonly what: string }>();
  #changes = 0;

  /** Deliveries wait on the bed's clock, for a database that is away or a rate, and others behind them. */
  get isPaused(): boolean {
    return this.#pauses.size > 0;
  }

  /** A call of a port begins; call the answer when it has ended. */
  call(what: string): () => void {
    return this.#begin(this.#calls, what);
  }

  /** A group is given a message; call the answer when it has decided. */
  delivery(what: string): () => void {
    return this.#begin(this.#deliveries, what);
  }

  /** A delivery waits on the clock; call the answer when it goes on. */
  pause(): () => void {
    return this.#begin(this.#pauses, "a pause");
  }

  /** What is in the works, for a person. */
  describe(): string {
    return [...this.#calls, ...this.#deliveries].map(({ what }) => what).join(", ");
  }

  /**
   * Resolves when nothing is in the works and the event loop has nothing to add.
   *
   * @throws NotDone naming what is in the works when nothing of it changed for `patienceMs` of real time
   */
  async quiet(patienceMs: number): Promise<void> {
    for (let still = 0; still < STILL_TURNS;) {
      const before = this.#changes;
      await new Promise<void>((resolve) => void later(resolve));
      if (this.#changes !== before) still = 0;
      else if (!this.#busy) still += 1;
      else if (!(await this.changed(patienceMs))) {
        throw new NotDone(`settle: nothing changed for ${patienceMs} ms, but not done: ${this.describe()}`);
      }
    }
  }

  /** Waits for the next change, at most `patienceMs` of real time. Answers whether there was one. */
  changed(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (changed: boolean): void => {
        stopTimer(timer);
        this.#listeners.delete(onChange);
        resolve(changed);
      };
      const onChange = (): void => end(true);
      const timer = startTimer(() => end(false), patienceMs);
      this.#listeners.add(onChange);
    });
  }

  get #busy(): boolean {
    return this.#calls.size > 0 || (this.#deliveries.size > 0 && !this.isPaused);
  }

  #begin(works: Set<{ readonly what: string }>, what: string): () => void {
    const work = { what };
    works.add(work);
    this.#change();
    return () => {
      if (works.delete(work)) this.#change();
    };
  }

  #change(): void {
    this.#changes += 1;
    for (const listener of this.#listeners) listener();
  }
}

/** Waits for real time to pass, where a real database decides what is due. */
export function realPause(ms: number): Promise<void> {
  return new Promise((resolve) => void startTimer(resolve, ms));
}

/** The longest that a timer of the machine waits. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The time as an alarm sees it. */
export interface AlarmClock {
  now(): number;
  /** Calls `action` once after `ms`, unless the answer is called first. */
  after(ms: number, action: () => void): () => void;
}

/** Calls its action when a point of time has come; one at a time. */
export class Alarm {
  readonly #clock: AlarmClock;
  readonly #action: () => void;
  #at = Infinity;
  #cancel: (() => void) | null = null;

  constructor(clock: AlarmClock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Replaces the time that was set before. */
  set(at: number): void {
    if (at === this.#at) return;
    this.clear();
    this.#at = at;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, at - this.#clock.now()));
    this.#cancel = this.#clock.after(waitMs, () => this.#ring());
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#at = Infinity;
  }

  #ring(): void {
    const at = this.#at;
    this.clear();
    if (at > this.#clock.now()) this.set(at);
    else this.#action();
  }
}

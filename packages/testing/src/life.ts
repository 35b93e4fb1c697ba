import type { Activity } from "./activity.ts";
import type { CrashPhase, NamedCrashPoint } from "./crash-point.ts";
import type { Tripwire } from "./tripwire.ts";

/** The names that the awaits of a call have, asked when they are reached. */
export interface AwaitNames {
  readonly before?: () => NamedCrashPoint | undefined;
  readonly after?: () => NamedCrashPoint | undefined;
}

/** What a call of a port goes through. */
export interface Passage {
  readonly dead: boolean;
  /** Performs a call, unless the process dies before or after it: then the answer never settles. */
  pass<T>(call: string, perform: () => Promise<T>, names?: AwaitNames): Promise<T>;
}

/** The passage of the test's own calls, which never die. */
export const IMMORTAL: Passage = { dead: false, pass: (_call, perform) => perform() };

/** Why a transaction of a dead process is rolled back. */
class ProcessDied extends Error {
  override readonly name = "ProcessDied";
}

/** One run of the process, from its start to its death. A dead process is not told anything any more. */
export class Life implements Passage {
  /** Rejects when the process dies. */
  readonly death: Promise<never>;
  readonly #activity: Activity;
  readonly #tripwire: Tripwire;
  readonly #wills = new Set<() => void>();
  #reject: (reason: Error) => void = () => undefined;
  #dead = false;

  constructor(activity: Activity, tripwire: Tripwire) {
    this.#activity = activity;
    this.#tripwire = tripwire;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.death = promise;
    this.#reject = reject;
  }

  get dead(): boolean {
    return this.#dead;
  }

  async pass<T>(call: string, perform: () => Promise<T>, names: AwaitNames = {}): Promise<T> {
    if (this.#dead || this.reach(call, "before", names.before?.())) return never();
    const ended = this.#activity.call(call);
    const outcome = await outcomeOf(perform);
    ended();
    if (this.#dead) return never();
    if (!outcome.done) throw outcome.error;
    return this.reach(call, "after", names.after?.()) ? never() : outcome.result;
  }

  /** The process is at this point. Answers `true`, once, when it dies here. */
  reach(call: string, phase: CrashPhase, name?: NamedCrashPoint): boolean {
    if (this.#dead || !this.#tripwire.reach(`${call}:${phase}`, name)) return false;
    this.die();
    return true;
  }

  /** Kills the process: open transactions roll back, pending calls never settle, the broker loses the connection. */
  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#reject(new ProcessDied("the process died here"));
    for (const will of this.#wills) will();
  }

  /** Runs `action` when the process dies (now, if it has), unless the answer is called first. */
  onDeath(action: () => void): () => void {
    if (this.#dead) action();
    else this.#wills.add(action);
    return () => void this.#wills.delete(action);
  }
}

type Outcome<T> =
  { readonly done: true; readonly result: T } | { readonly done: false; readonly error: unknown };

async function outcomeOf<T>(perform: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { done: true, result: await perform() };
  } catch (error) {
    return { done: false, error };
  }
}

/** What a dead process gets for an answer. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

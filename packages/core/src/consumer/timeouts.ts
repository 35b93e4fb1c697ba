import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../ports/clock.ts";

/** Something that happens unless it is cancelled. */
interface Timeout {
  readonly ms: number;
  readonly dueAt: number;
  readonly action: () => void;
}

/** Many timeouts of few lengths. Those of one length fall due in the order in which they began, so one timer serves all. */
export interface Timeouts {
  /** Runs `action` once after `ms` unless it is cancelled. */
  after(ms: number, action: () => void): Timeout;
  cancel(timeout: Timeout): void;
}

export function createTimeouts(clock: Clock): Timeouts {
  const queues = new Map<number, TimeoutQueue>();
  const outside = AsyncLocalStorage.snapshot();
  return {
    after(ms, action) {
      let queue = queues.get(ms);
      if (queue === undefined) {
        queue = new TimeoutQueue(clock, outside);
        queues.set(ms, queue);
      }
      const timeout = { ms, dueAt: clock.monotonicMs() + ms, action };
      queue.add(timeout);
      return timeout;
    },
    cancel: (timeout) => queues.get(timeout.ms)?.remove(timeout),
  };
}

class TimeoutQueue {
  readonly #clock: Clock;
  /** The timer was begun by one message and ends others: they must not run in its ambient transaction. */
  readonly #outside: <T>(work: () => T) => T;
  /** In the order in which they began. */
  readonly #timeouts = new Set<Timeout>();
  /** Set while any waits: a timer for nothing would be something that others can see. */
  #cancelTimer: (() => void) | null = null;

  constructor(clock: Clock, outside: <T>(work: () => T) => T) {
    this.#clock = clock;
    this.#outside = outside;
  }

  add(timeout: Timeout): void {
    this.#timeouts.add(timeout);
    if (this.#cancelTimer === null) this.#startTimer(timeout.ms);
  }

  remove(timeout: Timeout): void {
    this.#timeouts.delete(timeout);
    if (this.#timeouts.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #startTimer(ms: number): void {
    this.#cancelTimer = this.#clock.after(ms, () => this.#outside(() => this.#runDue()));
  }

  /** The timer was for one that may have been cancelled; it goes on for the oldest that is left. */
  #runDue(): void {
    this.#cancelTimer = null;
    const now = this.#clock.monotonicMs();
    for (const timeout of this.#timeouts) {
      if (timeout.dueAt > now) return this.#startTimer(Math.max(1, Math.ceil(timeout.dueAt - now)));
      this.#timeouts.delete(timeout);
      timeout.action();
    }
  }
}

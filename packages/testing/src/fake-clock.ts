import type { Clock } from "@waybill/core";

/** A clock that moves only when it is told to. Timers that fall due run in the order of their times. */
export interface FakeClock extends Clock {
  /** When the next timer is due, milliseconds since the epoch; `null` when none waits. */
  nextTimerAt(): number | null;
  /** Moves forward to `at` (milliseconds since the epoch) and runs what falls due on the way. Never moves back. */
  moveTo(at: number): void;
}

/** Makes a fake clock. It starts at the real time, so that code with dates of its own is not in another century. */
export function fakeClock(startMs = Date.now()): FakeClock {
  let now = startMs;
  const timers = new Set<{ readonly at: number; readonly action: () => void }>();

  function next(): { readonly at: number; readonly action: () => void } | undefined {
    return [...timers].toSorted((a, b) => a.at - b.at)[0];
  }

  function after(ms: number, action: () => void): () => void {
    const timer = { at: now + Math.max(0, ms), action };
    timers.add(timer);
    // What is due already needs no move of the clock.
    if (ms <= 0) queueMicrotask(() => timers.delete(timer) && action());
    return () => void timers.delete(timer);
  }

  return {
    now: () => now,
    monotonicMs: () => now - startMs,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const cancel = after(ms, resolve);
        signal?.addEventListener("abort", () => (cancel(), resolve()), { once: true });
      }),
    nextTimerAt: () => next()?.at ?? null,
    moveTo(at) {
      for (let timer = next(); timer !== undefined && timer.at <= at; timer = next()) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.action();
      }
      now = Math.max(now, at);
    },
  };
}

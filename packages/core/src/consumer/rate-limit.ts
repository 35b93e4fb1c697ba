import type { Clock } from "../ports/clock.ts";

/** Lets at most so many messages a second begin, evenly spread: a peak waits in the broker instead of in the handlers. */
export interface RateLimit {
  /** Resolves when `count` messages may begin, or when `signal` aborts. */
  take(count: number, signal: AbortSignal): Promise<void>;
}

/** A limit of `perSecond`, of which up to a tenth of a second's worth may begin at once. `null` does not limit. */
export function rateLimit(perSecond: number | null, clock: Clock): RateLimit {
  if (perSecond === null) return { take: () => Promise.resolve() };
  const spacingMs = 1_000 / perSecond;
  const burstMs = Math.max(100, spacingMs);
  /** When the next message may begin if nothing had been saved up. */
  let next = clock.monotonicMs();
  return {
    async take(count, signal) {
      const now = clock.monotonicMs();
      next = Math.max(next, now - burstMs) + spacingMs * count;
      const waitMs = next - spacingMs - now;
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    },
  };
}

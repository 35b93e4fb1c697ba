import type { Clock } from "@waybill/core";
import type { Activity } from "./activity.ts";
import { never, type Life } from "./life.ts";

/** How long the relay of a bed rests between looks: only settling makes it look. Milliseconds. */
export const NEVER_BY_ITSELF_MS = 86_400_000;

/** The clock as one process sees it: its timers go with it. */
export interface ProcessClock extends Clock {
  /** The relay said that it pauses. A sleep that begins right now is its own, not one of a delivery. */
  relaySleeps(): void;
}

export function processClock(clock: Clock, life: Life, activity: Activity): ProcessClock {
  let relaySleeps = false;

  /** A delivery waits for the clock, and others behind it. */
  async function pause(ms: number, signal?: AbortSignal): Promise<void> {
    const ended = activity.pause();
    const forget = life.onDeath(ended);
    await clock.sleep(ms, signal);
    ended();
    forget();
  }

  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, action) => clock.after(ms, () => void (life.dead || action())),
    async sleep(ms, signal) {
      const ofRelay = relaySleeps || ms >= NEVER_BY_ITSELF_MS;
      await (ofRelay ? clock.sleep(ms, signal) : pause(ms, signal));
      if (life.dead) return never();
    },
    relaySleeps() {
      relaySleeps = true;
      queueMicrotask(() => (relaySleeps = false));
    },
  };
}

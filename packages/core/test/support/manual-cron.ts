import type { Cron } from "../../src/index.ts";

/** Schedules that run only when a test says so. */
export interface ManualCron extends Cron {
  /** Runs everything that is scheduled once. */
  tick(): Promise<void>;
}

export function manualCron(): ManualCron {
  const actions = new Set<() => Promise<void>>();
  return {
    schedule(_expression, action) {
      actions.add(action);
      return { nextRunInMs: () => 0, stop: () => actions.delete(action) };
    },
    async tick() {
      await Promise.all([...actions].map((action) => action()));
    },
  };
}

import type { Cron } from "@waybill/core";

/** Schedules that run only when the bed settles. */
export interface BedCron extends Cron {
  /**
   * Starts every schedule that is not running: those that run every few seconds, and with `all` the rest as well.
   * What they do is seen at the ports; nobody waits for them here, since some wait for others.
   */
  tick(all: boolean): void;
}

interface Schedule {
  readonly often: boolean;
  readonly action: () => Promise<void>;
  running: boolean;
}

export function bedCron(): BedCron {
  const schedules = new Set<Schedule>();

  async function run(schedule: Schedule): Promise<void> {
    schedule.running = true;
    try {
      await schedule.action();
    } finally {
      schedule.running = false;
    }
  }

  return {
    schedule(expression, action) {
      const schedule = { often: expression.trim().split(/\s+/).length > 5, action, running: false };
      schedules.add(schedule);
      return { nextRunInMs: () => 0, stop: () => void schedules.delete(schedule) };
    },
    tick(all) {
      for (const schedule of schedules) {
        if ((all || schedule.often) && !schedule.running) void run(schedule).catch(() => undefined);
      }
    },
  };
}

/** One schedule that is running. */
export interface CronTask {
  /** Milliseconds until the next run. */
  nextRunInMs(): number;
  stop(): void;
}

/** Runs an action on a cron expression. The default implementation is node-cron. */
export interface Cron {
  /**
   * Starts a schedule. Runs of one schedule never overlap: a tick that falls into a running one is left out.
   *
   * @throws Error when the expression is not a cron expression (five fields, or six with seconds).
   */
  schedule(expression: string, action: () => Promise<void>): CronTask;
}

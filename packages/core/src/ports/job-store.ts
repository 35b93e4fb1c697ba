/** How a scheduled job fared, over all processes. */
export interface JobRecord {
  readonly name: string;
  readonly schedule: string;
  /** The process that runs it now; `null` when nobody does. */
  readonly runningOn: string | null;
  /** Milliseconds since the epoch, `null` before the first run. */
  readonly lastStartedAt: number | null;
  readonly lastFinishedAt: number | null;
  readonly lastOutcome: "ok" | "failed" | null;
  /** What the last run did, or its error. */
  readonly lastDetail: string | null;
  readonly nextRunAt: number | null;
}

/** Coordinates scheduled jobs: one runner per job over all processes, by the database's clock. */
export interface JobStore {
  /**
   * Starts a run for `owner` unless another process runs the job (and its lease of `leaseMs` has not passed) or has
   * run it since `notWithinMs`. Answers whether this process may run it now.
   */
  begin(job: {
    readonly name: string;
    readonly schedule: string;
    readonly owner: string;
    readonly leaseMs: number;
    readonly notWithinMs: number;
  }): Promise<boolean>;
  /** Records the outcome and when the next run is due. Does nothing when another process took the job over. */
  finish(run: {
    readonly name: string;
    readonly owner: string;
    readonly outcome: "ok" | "failed";
    readonly detail: string;
    readonly nextRunInMs: number;
  }): Promise<void>;
  list(): Promise<readonly JobRecord[]>;
}

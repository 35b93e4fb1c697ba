import type { JobRecord, JobStore } from "../../ports/job-store.ts";
import type { MemoryDatabase } from "./memory-database.ts";

interface JobRow extends JobRecord {
  readonly lastOwner: string;
  readonly leasedUntil: number;
}

/** Coordination of scheduled jobs in memory: one runner per job over all schedulers of this storage. */
export class MemoryJobs implements JobStore {
  readonly #database: MemoryDatabase;
  readonly #jobs = new Map<string, JobRow>();

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async begin(job: Parameters<JobStore["begin"]>[0]): Promise<boolean> {
    const now = this.#database.now();
    const row = this.#jobs.get(job.name);
    if (row !== undefined && row.lastOwner !== job.owner) {
      const runs = row.runningOn !== null && now < row.leasedUntil;
      const ran = row.lastStartedAt !== null && now - row.lastStartedAt < job.notWithinMs;
      if (runs || ran) return false;
    }
    this.#jobs.set(job.name, {
      name: job.name,
      schedule: job.schedule,
      runningOn: job.owner,
      lastOwner: job.owner,
      leasedUntil: now + job.leaseMs,
      lastStartedAt: now,
      lastFinishedAt: row?.lastFinishedAt ?? null,
      lastOutcome: row?.lastOutcome ?? null,
      lastDetail: row?.lastDetail ?? null,
      nextRunAt: row?.nextRunAt ?? null,
    });
    return true;
  }

  async finish(run: Parameters<JobStore["finish"]>[0]): Promise<void> {
    const row = this.#jobs.get(run.name);
    if (row?.runningOn !== run.owner) return;
    const now = this.#database.now();
    this.#jobs.set(run.name, {
      ...row,
      runningOn: null,
      lastFinishedAt: now,
      lastOutcome: run.outcome,
      lastDetail: run.detail,
      nextRunAt: now + run.nextRunInMs,
    });
  }

  async list(): Promise<readonly JobRecord[]> {
    const rows = [...this.#jobs.values()].sort((a, b) => a.name.localeCompare(b.name));
    return rows.map(({ lastOwner: _lastOwner, leasedUntil: _leasedUntil, ...record }) => record);
  }
}

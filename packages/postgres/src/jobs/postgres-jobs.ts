import type { JobRecord, JobStore } from "@waybill/core";
import { run } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import { msOrNull, present, storable } from "../text.ts";

/** Coordination of scheduled jobs on PostgreSQL: one runner per job over all processes, by the database's clock. */
export class PostgresJobs<Tx> implements JobStore {
  readonly #parts: Parts<Tx>;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async begin(job: Parameters<JobStore["begin"]>[0]): Promise<boolean> {
    const { database, sql } = this.#parts;
    const { name, schedule, owner, leaseMs, notWithinMs } = job;
    const values = [name, schedule, owner, leaseMs, notWithinMs];
    const rows = await database.connected((connection) => run(connection, sql.jobs.begin, values));
    return rows.length === 1;
  }

  async finish(finished: Parameters<JobStore["finish"]>[0]): Promise<void> {
    const { database, sql } = this.#parts;
    const { name, owner, outcome, detail, nextRunInMs } = finished;
    const values = [name, owner, outcome, storable(detail), nextRunInMs];
    await database.connected((connection) => run(connection, sql.jobs.finish, values));
  }

  async list(): Promise<readonly JobRecord[]> {
    const { database, sql } = this.#parts;
    const rows = await database.connected((connection) => run(connection, sql.jobs.list, []));
    return rows.map((row) => ({
      name: present(row[0]),
      schedule: present(row[1]),
      runningOn: row[2] ?? null,
      lastStartedAt: msOrNull(row[3]),
      lastFinishedAt: msOrNull(row[4]),
      lastOutcome: (row[5] ?? null) as JobRecord["lastOutcome"],
      lastDetail: row[6] ?? null,
      nextRunAt: msOrNull(row[7]),
    }));
  }
}

import type {
  NewParked,
  OrderMode,
  Parked,
  ParkedReason,
  ParkedStage,
  ParkedStart,
  ParkedStore,
} from "@waybill/core";
import { run, type Row } from "../connection/run.ts";
import { readEnvelope } from "../envelope-row.ts";
import type { Parts } from "../parts.ts";
import { msOf, msOrNull, present, storable } from "../text.ts";
import { parkedJson } from "./parked-json.ts";

/** Messages that wait, on PostgreSQL. */
export class PostgresParked<Tx> implements ParkedStore<Tx> {
  readonly #parts: Parts<Tx>;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async dueOutgoing(limit: number): Promise<{ readonly now: number; readonly parked: readonly Parked[] }> {
    const { database, sql } = this.#parts;
    const rows = await database.connected((connection) => run(connection, sql.parked.dueOutgoing, [limit]));
    const clock = rows.find((row) => row[0] === null);
    const parked = rows.filter((row) => row[0] !== null).map(readParked);
    return { now: Math.floor(Number(clock?.[1])), parked: parked.sort((a, b) => a.parkedId - b.parkedId) };
  }

  async blockedOutgoing(): Promise<ReadonlySet<string>> {
    const { database, sql } = this.#parts;
    const rows = await database.connected((connection) => run(connection, sql.parked.blockedOutgoing, []));
    return new Set(rows.map(([topic, key]) => `${present(topic)}/${present(key)}`));
  }

  async park(tx: Tx, parked: NewParked): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.parked.add, [parkedJson([parked])]);
  }

  async start(group: string, alone: boolean): Promise<ParkedStart | null> {
    const { database, sql } = this.#parts;
    const [row] = await database.connected((connection) => run(connection, sql.parked.start, [group, alone]));
    if (row === undefined) return null;
    const starts = row[1] ?? null;
    return { parkedId: Number(row[0]), starts: starts === null ? null : Number(starts) };
  }

  async unstart(parkedId: number): Promise<void> {
    const { database, sql } = this.#parts;
    await database.connected((connection) => run(connection, sql.parked.unstart, [parkedId]));
  }

  async takeDue(tx: Tx, group: string, parkedId?: number): Promise<Parked | null> {
    const connection = await this.#parts.database.connectionOf(tx);
    const { takeDue, takeThis } = this.#parts.sql.parked;
    const [row] =
      parkedId === undefined
        ? await run(connection, takeDue, [group])
        : await run(connection, takeThis, [group, parkedId]);
    return row === undefined ? null : readParked(row);
  }

  async remove(tx: Tx, parkedId: number): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.parked.remove, [parkedId]);
  }

  async again(tx: Tx, parkedId: number, change: Parameters<ParkedStore<Tx>["again"]>[2]): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    const { reason, stage, attempts, dueInMs, error } = change;
    await run(connection, this.#parts.sql.parked.again, [
      parkedId,
      reason,
      stage,
      attempts,
      dueInMs,
      storable(error),
    ]);
  }

  async count(
    limit: number,
  ): Promise<readonly { readonly group: string; readonly reason: ParkedReason; readonly count: number }[]> {
    const { database, sql } = this.#parts;
    const rows = await database.connected((connection) => run(connection, sql.parked.count, [limit]));
    return rows.map(([group, reason, count]) => ({
      group: present(group),
      reason: present(reason) as ParkedReason,
      count: Number(count),
    }));
  }
}

function readParked(row: Row): Parked {
  return {
    parkedId: Number(row[0]),
    group: present(row[1]),
    envelope: readEnvelope(row, 2),
    reason: present(row[14]) as ParkedReason,
    stage: present(row[15]) as ParkedStage,
    order: present(row[16]) as OrderMode,
    attempts: Number(row[17]),
    error: row[18] ?? null,
    expiresAt: msOrNull(row[19]),
    parkedAt: msOf(present(row[20])),
    delivery: Number(row[21]),
  };
}

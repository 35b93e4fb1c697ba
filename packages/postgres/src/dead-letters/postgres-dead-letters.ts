import type { DeadLetter, DeadLetterStore, NewDeadLetter } from "@waybill/core";
import { run } from "../connection/run.ts";
import { readEnvelope } from "../envelope-row.ts";
import type { Parts } from "../parts.ts";
import { msOf, present } from "../text.ts";
import { deadLettersJson } from "./dead-letters-json.ts";

/** Messages that were given up, on PostgreSQL. */
export class PostgresDeadLetters<Tx> implements DeadLetterStore<Tx> {
  readonly #parts: Parts<Tx>;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async bury(tx: Tx, letter: NewDeadLetter): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.deadLetters.add, [deadLettersJson([letter])]);
  }

  async list(limit: number): Promise<readonly DeadLetter[]> {
    const { database, sql } = this.#parts;
    const rows = await database.connected((connection) => run(connection, sql.deadLetters.list, [limit]));
    return rows.map((row) => ({
      deadLetterId: Number(row[0]),
      group: present(row[1]),
      envelope: readEnvelope(row, 2),
      attempts: Number(row[14]),
      reason: present(row[15]),
      error: present(row[16]),
      diedAt: msOf(present(row[17])),
    }));
  }
}

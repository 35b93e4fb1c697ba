import type {
  AuditRow,
  ChosenLetter,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterStore,
  DueGiveUp,
  FailureGroup,
  NewDeadLetter,
  OperatorAct,
} from "@waybill/core";
import { run, type Row, type Value } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import type { DeadLetterStatements } from "../sql/dead-letter-statements.ts";
import { storable } from "../text.ts";
import { DEAD_LETTER_COLUMNS, readAudit, readDeadLetter, readFailureGroup } from "./dead-letter-row.ts";
import { chosenJson, deadLettersJson } from "./dead-letters-json.ts";

/** Messages that were given up, and what operators did to them, on PostgreSQL. */
export class PostgresDeadLetters<Tx> implements DeadLetterStore<Tx> {
  readonly #parts: Parts<Tx>;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async bury(tx: Tx, letter: NewDeadLetter): Promise<void> {
    await this.#within(tx, "add", [deadLettersJson([letter])]);
  }

  async list(
    limit: number,
    filter: DeadLetterFilter = {},
    beforeId?: number,
  ): Promise<readonly DeadLetter[]> {
    const rows = await this.#apart("list", [...filterValues(filter), beforeId ?? null, limit]);
    return rows.map(readDeadLetter);
  }

  async groups(limit: number): Promise<readonly FailureGroup[]> {
    return (await this.#apart("groups", [limit])).map(readFailureGroup);
  }

  async wasAnswered(tx: Tx, group: string, messageId: string): Promise<boolean> {
    return (await this.#within(tx, "wasAnswered", [group, storable(messageId)])).length > 0;
  }

  async choose(
    filter: DeadLetterFilter,
    limit: number,
  ): Promise<{ readonly now: number; readonly chosen: readonly ChosenLetter[] }> {
    const [clock, ...rows] = await this.#apart("choose", [...filterValues(filter), limit]);
    const chosen = rows.map((row) => ({ deadLetterId: Number(row[0]), delivery: Number(row[1]) }));
    return { now: Number(clock?.[1]), chosen };
  }

  async retry(
    tx: Tx,
    chosen: readonly (ChosenLetter & { readonly dueAt: number })[],
    act: OperatorAct & { readonly answeredToo: boolean },
  ): Promise<readonly number[]> {
    const values = [chosenJson(chosen), act.answeredToo, ...actValues(act)];
    return (await this.#within(tx, "retry", values)).map(([id]) => Number(id));
  }

  async discard(tx: Tx, chosen: readonly ChosenLetter[], act: OperatorAct): Promise<readonly number[]> {
    const rows = await this.#within(tx, "discard", [chosenJson(chosen), ...actValues(act)]);
    return rows.map(([id]) => Number(id));
  }

  async edit(
    tx: Tx,
    deadLetterId: number,
    change: { readonly payload: Uint8Array; readonly contentType: string; readonly version: number },
    act: OperatorAct,
  ): Promise<boolean> {
    const { payload, contentType, version } = change;
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const values = [deadLetterId, bytes, storable(contentType), version, ...actValues(act)];
    const [row] = await this.#within(tx, "edit", values);
    return row?.[0] === "t";
  }

  async audit(limit: number, deadLetterId?: number): Promise<readonly AuditRow[]> {
    return (await this.#apart("audit", [deadLetterId ?? null, limit])).map(readAudit);
  }

  async takeGiveUp(tx: Tx, topic: string): Promise<DueGiveUp | null> {
    const [row] = await this.#within(tx, "takeGiveUp", [topic]);
    return row === undefined
      ? null
      : { letter: readDeadLetter(row), attempts: Number(row[DEAD_LETTER_COLUMNS]) };
  }

  async gaveUp(tx: Tx, deadLetterId: number): Promise<void> {
    await this.#within(tx, "gaveUp", [deadLetterId]);
  }

  async giveUpAgain(
    tx: Tx,
    deadLetterId: number,
    change: { readonly attempts: number; readonly dueInMs: number | null; readonly error: string },
  ): Promise<void> {
    const { attempts, dueInMs, error } = change;
    await this.#within(tx, "giveUpAgain", [deadLetterId, attempts, dueInMs, storable(error)]);
  }

  async #within(tx: Tx, name: keyof DeadLetterStatements, values: readonly Value[]): Promise<readonly Row[]> {
    return run(await this.#parts.database.connectionOf(tx), this.#parts.sql.deadLetters[name], values);
  }

  #apart(name: keyof DeadLetterStatements, values: readonly Value[]): Promise<readonly Row[]> {
    const { database, sql } = this.#parts;
    return database.connected((connection) => run(connection, sql.deadLetters[name], values));
  }
}

/** As the statements `list` and `choose` take them. */
function filterValues({ id, group, topic, fingerprint, states, answered }: DeadLetterFilter): Value[] {
  return [id ?? null, group ?? null, topic ?? null, fingerprint ?? null, states ?? null, answered ?? null];
}

function actValues({ by, reason }: OperatorAct): [string, string | null] {
  return [storable(by), reason === null ? null : storable(reason)];
}

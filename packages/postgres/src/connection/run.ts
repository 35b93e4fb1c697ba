import type { SqlTransaction } from "@waybill/core";
import type { ClientBase, CustomTypesConfig, QueryArrayConfig } from "pg";
import { statement as named, type Statement } from "../sql/statement.ts";
import { statementError } from "./driver-error.ts";
import { runInSql } from "./sql-transaction.ts";

/** A row as the server wrote it: every column as text. The user's own type parsers have no say. */
export type Row = readonly (string | null)[];

/** What a statement takes. */
export type Value = string | number | boolean | Buffer | null | readonly (string | number | Buffer | null)[];

/** A connection with the way in which statements run on it. */
export interface Connection {
  readonly client: ClientBase;
  /** Whether statements are prepared by name; not behind a pooler that gives every transaction another session. */
  readonly prepare: boolean;
  /**
   * Its transactions are stricter than READ COMMITTED unless they say otherwise. A statement outside a transaction then
   * runs in one of its own: functions that wait for a lock must see what was committed meanwhile, not fail for it.
   */
  readonly strict: boolean;
}

/** An open transaction of another library, in which statements run its way. */
export interface SqlConnection {
  readonly sql: SqlTransaction;
}

const BEGIN = named("begin isolation level read committed");
const COMMIT = named("commit");
const ROLLBACK = named("rollback");

const AS_TEXT: CustomTypesConfig = { getTypeParser: () => (text: string) => text };

/**
 * Runs one of Waybill's own statements.
 *
 * @throws WaybillError `STORAGE_UNAVAILABLE`, `TRANSACTION_CONFLICT`, `MIGRATIONS_MISSING` or `STORAGE_FAILED`, the
 * driver's error as cause
 */
export function run(
  connection: Connection | SqlConnection,
  statement: Statement,
  values: readonly Value[],
): Promise<readonly Row[]> {
  if ("sql" in connection) return runInSql(connection.sql, statement, values);
  if (!connection.strict || connection.client.getTransactionStatus() !== "I")
    return runHere(connection, statement, values);
  return runInOwnTransaction(connection, statement, values);
}

async function runInOwnTransaction(
  connection: Connection,
  statement: Statement,
  values: readonly Value[],
): Promise<readonly Row[]> {
  await runHere(connection, BEGIN, []);
  try {
    const rows = await runHere(connection, statement, values);
    await runHere(connection, COMMIT, []);
    return rows;
  } catch (error) {
    await runHere(connection, ROLLBACK, []).catch(() => undefined);
    throw error;
  }
}

async function runHere(
  connection: Connection,
  statement: Statement,
  values: readonly Value[],
): Promise<readonly Row[]> {
  try {
    const { rows } = await connection.client.query<(string | null)[]>(queryOf(connection, statement, values));
    return rows;
  } catch (error) {
    throw statementError(error);
  }
}

/** What is the same for every run of a statement: prepared by name, and not. */
const shared = new WeakMap<Statement, { readonly prepared: object; readonly unprepared: object }>();

/**
 * pg copies the own properties of a query one by one, which shows in the rate of small transactions. So the query
 * itself only has its values, and inherits the rest.
 */
function queryOf(
  connection: Connection,
  statement: Statement,
  values: readonly Value[],
): QueryArrayConfig<Value[]> {
  let known = shared.get(statement);
  if (known === undefined) {
    const { text, name } = statement;
    const unprepared = { text, rowMode: "array", types: AS_TEXT };
    known = { unprepared, prepared: { ...unprepared, name } };
    shared.set(statement, known);
  }
  const { prepared, unprepared } = known;
  const query = Object.create(
    connection.prepare && !statement.planEachTime ? prepared : unprepared,
  ) as QueryArrayConfig<Value[]>;
  query.values = values as Value[];
  return query;
}

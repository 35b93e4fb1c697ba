import { WaybillError, type SqlQuery, type SqlTransaction } from "@waybill/core";
import type { Statement } from "../sql/statement.ts";
import { sqlState, statementError } from "./driver-error.ts";

/** The same for all copies of the package. */
const brand = Symbol.for("waybill.sql-transaction");

/**
 * Takes a transaction that you began with a library that Waybill does not know. All that `query` is given must run in
 * that one transaction, which you still commit or roll back yourself. Nobody can check that here: if `query` runs
 * outside of it, messages are sent although the transaction rolls back.
 *
 * The commit is not seen, so a relay finds the messages by polling, within 25 ms.
 */
export function sqlTransaction(query: SqlQuery): SqlTransaction {
  return { query, [brand]: true } as unknown as SqlTransaction;
}

export function isSqlTransaction(tx: unknown): tx is SqlTransaction {
  return typeof tx === "object" && tx !== null && brand in tx;
}

/** Runs one of Waybill's own statements in it; columns come back as text. */
export async function runInSql(
  tx: SqlTransaction,
  statement: Statement,
  values: readonly unknown[],
): Promise<readonly (readonly (string | null)[])[]> {
  try {
    const rows = await tx.query(statement.text, values);
    return rows.map((row) => Object.values(row).map(asText));
  } catch (error) {
    throw statementError(driverErrorIn(error));
  }
}

let savepoints = 0;

export async function sqlSavepoint<T>(
  tx: SqlTransaction,
  work: (tx: SqlTransaction) => Promise<T>,
): Promise<T> {
  savepoints += 1;
  const name = `waybill_sql_${savepoints}`;
  await tx.query(`savepoint ${name}`, []);
  try {
    const result = await work(tx);
    await tx.query(`release savepoint ${name}`, []);
    return result;
  } catch (error) {
    await tx.query(`rollback to savepoint ${name}`, []);
    await tx.query(`release savepoint ${name}`, []);
    throw error;
  }
}

/** Refuses what cannot be an open transaction of a library. */
export function noTransaction(library: string, instead: string): WaybillError {
  return new WaybillError(
    "NOT_IN_TRANSACTION",
    `This is no open transaction of ${library}: pass the one that ${instead} gives to its callback.`,
  );
}

/** Waybill's statements answer text and whole numbers; libraries may have parsed the numbers. */
function asText(column: unknown): string | null {
  if (column === null || typeof column === "string") return column;
  if (typeof column === "number" || typeof column === "bigint" || typeof column === "boolean") {
    return String(column);
  }
  throw new WaybillError("STORAGE_FAILED", "The library changed a column into something else than text.");
}

const CAUSES_MAX = 8;

/** Libraries wrap what the driver threw; Prisma keeps its code only. */
function driverErrorIn(error: unknown): unknown {
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && typeof current === "object" && current !== null; depth += 1) {
    if (sqlState(current) !== null) return current;
    const { cause, meta, originalCode } = current as {
      cause?: unknown;
      meta?: { driverAdapterError?: unknown };
      originalCode?: unknown;
    };
    if (typeof originalCode === "string") {
      const message = error instanceof Error ? error.message : "the database refused";
      return Object.assign(new Error(message, { cause: error }), { severity: "ERROR", code: originalCode });
    }
    current = meta?.driverAdapterError ?? cause;
  }
  return error;
}

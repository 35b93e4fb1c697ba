import type { SqlTransaction } from "@waybill/core";
import { noTransaction, sqlTransaction } from "../connection/sql-transaction.ts";

/** What Waybill uses of a transaction of drizzle-orm on PostgreSQL. `rollback` is what the database itself lacks. */
export interface DrizzleTransaction {
  execute(query: string): PromiseLike<unknown>;
  rollback(): never;
}

/**
 * The transaction of `db.transaction(async (tx) => …)` of drizzle-orm, for `send` and `inbox.once`: what they record
 * commits or rolls back with it. Use it only inside that callback.
 *
 * @throws WaybillError `NOT_IN_TRANSACTION` when it is no transaction
 */
export function fromDrizzle(tx: DrizzleTransaction): SqlTransaction {
  if (typeof tx?.execute !== "function" || typeof tx.rollback !== "function") {
    throw noTransaction("drizzle-orm", "db.transaction(async (tx) => …)");
  }
  return sqlTransaction(async (sql, params) => {
    // A statement as drizzle's own `sql` tag makes it: something that gives its text and parameters.
    const query = { getSQL: () => query, toQuery: () => ({ sql, params: [...params] }) };
    return rowsOf(await tx.execute(query as unknown as string));
  });
}

/** Drizzle answers what its driver answers: node-postgres and most others a result, postgres.js the rows. */
function rowsOf(answer: unknown): readonly object[] {
  return Array.isArray(answer) ? answer : ((answer as { rows?: readonly object[] }).rows ?? []);
}

import type { SqlTransaction } from "@waybill/core";
import type { Database } from "./database.ts";
import { isSqlTransaction, sqlSavepoint } from "./sql-transaction.ts";

/** The same database, which also works in transactions of other libraries. Their commits are not seen. */
export function withForeign<Tx>(database: Database<Tx>): Database<Tx | SqlTransaction> {
  return {
    ...database,
    assertTransaction(tx) {
      if (!isSqlTransaction(tx)) database.assertTransaction(tx);
    },
    connectionOf: (tx) => (isSqlTransaction(tx) ? { sql: tx } : database.connectionOf(tx)),
    savepoint: (tx, work, signal) =>
      isSqlTransaction(tx) ? sqlSavepoint(tx, (inner) => work(inner)) : database.savepoint(tx, work, signal),
    afterCommit(tx, action) {
      if (!isSqlTransaction(tx)) database.afterCommit(tx, action);
    },
  };
}

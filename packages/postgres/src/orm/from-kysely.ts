import type { SqlTransaction } from "@waybill/core";
import { noTransaction, sqlTransaction } from "../connection/sql-transaction.ts";

/** What Waybill uses of a transaction of Kysely. `isTransaction` is what tells it from Kysely itself. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  withoutPlugins(): {
    executeQuery(query: never): PromiseLike<{ readonly rows: readonly unknown[] }>;
  };
}

/**
 * The transaction of `db.transaction().execute(async (trx) => …)` of Kysely, for `send` and `inbox.once`: what they
 * record commits or rolls back with it. Plugins do not see it. Use it only inside that callback.
 *
 * @throws WaybillError `NOT_IN_TRANSACTION` when it is no transaction
 */
export function fromKysely(trx: KyselyTransaction): SqlTransaction {
  // Whoever is not checked by a compiler may pass Kysely itself.
  if (!(trx as Partial<KyselyTransaction> | undefined)?.isTransaction) {
    throw noTransaction("Kysely", "db.transaction().execute(async (trx) => …)");
  }
  const plain = trx.withoutPlugins();
  return sqlTransaction(async (sql, parameters) => {
    const { rows } = await plain.executeQuery(compiled(sql, parameters) as never);
    return rows as readonly object[];
  });
}

/** What `CompiledQuery.raw` of Kysely makes. */
function compiled(sql: string, parameters: readonly unknown[]): object {
  return {
    sql,
    parameters,
    query: { kind: "RawNode", sqlFragments: [sql], parameters: [] },
    queryId: { queryId: "waybill" },
  };
}

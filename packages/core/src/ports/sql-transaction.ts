declare const sqlTransactionBrand: unique symbol;

/** Runs one statement with `$1`, `$2`, … in the open transaction; answers its rows, columns in their order. */
export type SqlQuery = (sql: string, params: readonly unknown[]) => PromiseLike<readonly object[]>;

/**
 * An open transaction that another library began, such as an ORM. Storages on SQL take it wherever something is recorded
 * (`send`, `inbox.once`), others refuse it. The storage's package makes it and says how: nothing that merely has a
 * `query` method, such as a pool, can be passed instead.
 */
export interface SqlTransaction {
  readonly [sqlTransactionBrand]: true;
  readonly query: SqlQuery;
}

import { WaybillError } from "@waybill/core";
import type { ClientBase, Pool } from "pg";
import { lendingOf, type CheckedOut, type Lender } from "./checked-out.ts";
import { commit } from "./commit.ts";
import { isConnectionError, unavailable } from "./driver-error.ts";
import type { OwedCommit } from "./owed-commit.ts";
import { handleOf, TransactionHandle } from "./transaction-handle.ts";

declare const inTransactionBrand: unique symbol;

/**
 * A `pg` client with an open transaction. Only `pgTransaction` and `inTransaction` make one, so that neither a pool
 * nor a client that is not in a transaction can be passed where messages are sent.
 */
export type PgTransaction = ClientBase & { readonly [inTransactionBrand]: true };

/**
 * Takes the transaction that you began on `client`. Costs no round trip; you still commit or roll back yourself.
 *
 * @throws WaybillError `NOT_IN_TRANSACTION` when no transaction is open on it, or it has failed already
 */
export function pgTransaction(client: ClientBase): PgTransaction {
  assertPgTransaction(client);
  return client;
}

/**
 * Runs `work` in a transaction on a connection of `pool`, at READ COMMITTED: committed when it resolves, rolled back
 * when it rejects (with its own error, unchanged). What uses `tx` after that gets `NOT_IN_TRANSACTION`.
 *
 * @throws WaybillError `STORAGE_UNAVAILABLE` when no connection can be had or it was lost before COMMIT: nothing
 * happened. `COMMIT_UNKNOWN` when it was lost during COMMIT: the effects may or may not exist.
 */
export async function inTransaction<T>(pool: Pool, work: (tx: PgTransaction) => Promise<T>): Promise<T> {
  return inBegun(lendingOf(pool), ({ client }) => begin(client), work);
}

/** Sends COMMIT, or leaves that to who takes the connection. */
export type PassOn = (lent: CheckedOut) => Promise<OwedCommit | null>;

const keep: PassOn = () => Promise.resolve(null);

/**
 * Like `inTransaction`, begun in another way, whose answer `work` gets.
 *
 * @param passOn may give the connection to somebody else before COMMIT, who sends it then
 */
export async function inBegun<B, T>(
  lender: Lender,
  beginning: (lent: CheckedOut) => Promise<B>,
  work: (tx: PgTransaction, begun: B) => Promise<T>,
  passOn: PassOn = keep,
): Promise<T> {
  const lent = await lender.take();
  const { client } = lent;
  let owed: OwedCommit | null = null;
  try {
    const begun = await beginning(lent);
    const handle = new TransactionHandle(client);
    const tx = pgTransaction(handle.client);
    let result: T;
    try {
      result = await work(tx, begun);
    } catch (error) {
      handle.end();
      await rollback(client);
      throw error;
    } finally {
      lent.condemned = handle.condemned;
    }
    handle.end();
    owed = await passOn(lent);
    await (owed === null ? commit(client, lent.broken) : owed.outcome());
    handle.committed();
    return result;
  } catch (error) {
    lent.failed(error);
    throw error;
  } finally {
    if (owed === null) lender.giveBack(lent);
  }
}

/** Calls `action` once when `tx` committed, if `inTransaction` runs it, however often it was asked to. */
export function afterPgCommit(tx: PgTransaction, action: () => void): void {
  handleOf(tx)?.afterCommit(action);
}

/** @throws WaybillError `NOT_IN_TRANSACTION` */
export function assertPgTransaction(client: ClientBase): asserts client is PgTransaction {
  const status = statusOf(client);
  if (status === "T") return;
  throw new WaybillError("NOT_IN_TRANSACTION", NOT_OPEN[status ?? "none"]);
}

const NOT_OPEN = {
  I: "The client has no open transaction: await client.query('begin') first, or use inTransaction(pool, …).",
  E: "The client's transaction has failed and can only be rolled back.",
  none: "This is no pg client with an open transaction (pools are not, and one of inTransaction that has ended is not): use inTransaction(pool, …), or pgTransaction(client) with pg 8.17 or newer.",
} as const;

function statusOf(
  client: Partial<Pick<ClientBase, "getTransactionStatus">> | null | undefined,
): "I" | "T" | "E" | null {
  return typeof client?.getTransactionStatus === "function" ? client.getTransactionStatus() : null;
}

/** A connection that the pool took for sound may have been lost meanwhile. */
async function begin(client: ClientBase): Promise<void> {
  try {
    await client.query("begin isolation level read committed");
  } catch (error) {
    throw isConnectionError(error) ? unavailable(error) : error;
  }
}

/** An error here changes nothing: the connection is broken then, and the server rolls back by itself. */
export async function rollback(client: ClientBase): Promise<void> {
  await client.query("rollback").catch(() => undefined);
}

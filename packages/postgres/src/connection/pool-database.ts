import type { Cancellation } from "@waybill/core";
import { untilAborted } from "@waybill/core/internal";
import type { ClientBase, Pool } from "pg";
import { checkedOut } from "./checked-out.ts";
import type { Database } from "./database.ts";
import { destroyConnection } from "./destroy-connection.ts";
import { unavailable } from "./driver-error.ts";
import { KeptConnections } from "./kept-connections.ts";
import { OPENED, openTransaction, type First } from "./open-transaction.ts";
import { outsideTransaction } from "./outside-transaction.ts";
import {
  afterPgCommit,
  assertPgTransaction,
  inBegun,
  inTransaction,
  rollback,
  type PgTransaction,
} from "./pg-transaction.ts";
import type { Row } from "./run.ts";
import { handleOf } from "./transaction-handle.ts";

/**
 * Connections and transactions of a `pg` pool. Never ends it.
 *
 * A pool reports an idle connection that breaks, and nobody listening would end the process at every restart of the
 * server. The pool has dropped it by then, so there is nothing to be done.
 */
export function poolDatabase(pool: Pool, prepare: boolean): Database<PgTransaction> {
  const kept = new KeptConnections(pool);
  if (pool.listenerCount("error") === 0) pool.on("error", () => undefined);
  const orGivenUp = <T>(
    tx: PgTransaction,
    work: () => Promise<T>,
    signal: Cancellation | undefined,
  ): Promise<T> =>
    untilAborted(work, signal, () => destroyConnection(tx, (text, values) => pool.query(text, [...values])));
  return {
    name: "postgres (pg)",
    connectionsMax: pool.options.max,
    connected: (work) => checkedOut(pool, async (client) => work(await outsideTransaction(client, prepare))),
    async reserve() {
      const client = await pool.connect().catch((error: unknown) => {
        throw unavailable(error);
      });
      const onError = (): void => undefined;
      client.on("error", onError);
      const giveBack = async (sound: boolean): Promise<void> => {
        client.off("error", onError);
        client.release(!sound);
      };
      return { connection: { client, prepare, strict: false }, giveBack };
    },
    assertTransaction: (tx) => assertPgTransaction(tx),
    connectionOf(tx) {
      assertPgTransaction(tx);
      return { client: tx, prepare, strict: false };
    },
    transaction: (work, signal) => inTransaction(pool, (tx) => orGivenUp(tx, () => work(tx), signal)),
    opened: (first, work, signal) =>
      inBegun(
        kept,
        (client) => open(client, prepare, first),
        (tx, rows) => {
          setSavepointFree(tx, true);
          return orGivenUp(tx, () => work(tx, rows), signal);
        },
      ),
    savepoint: pgSavepoint,
    afterCommit: afterPgCommit,
  };
}

/** What failed to open may be open. */
async function open(client: ClientBase, prepare: boolean, first: First): Promise<readonly Row[]> {
  try {
    return await openTransaction(client, prepare, first);
  } catch (error) {
    await rollback(client);
    throw error;
  }
}

let savepoints = 0;

async function pgSavepoint<T>(tx: PgTransaction, work: (tx: PgTransaction) => Promise<T>): Promise<T> {
  if (handleOf(tx)?.savepointFree === true) return openedSavepoint(tx, work);
  savepoints += 1;
  const name = `waybill_${savepoints}`;
  await tx.query(`savepoint ${name}`);
  try {
    const result = await work(tx);
    await tx.query(`release savepoint ${name}`);
    return result;
  } catch (error) {
    await tx.query(`rollback to savepoint ${name}`);
    await tx.query(`release savepoint ${name}`);
    throw error;
  }
}

/**
 * It ends with the transaction, or is rolled back to and used again: nothing is to be released. Only where a statement
 * may have failed without anybody noticing, RELEASE is how to find out: at COMMIT it would cost the whole transaction,
 * and with it the lock of the key.
 */
async function openedSavepoint<T>(tx: PgTransaction, work: (tx: PgTransaction) => Promise<T>): Promise<T> {
  setSavepointFree(tx, false);
  try {
    const result = await work(tx);
    if (!isSound(tx)) await tx.query(`release savepoint ${OPENED}`);
    return result;
  } catch (error) {
    await tx.query(`rollback to savepoint ${OPENED}`);
    setSavepointFree(tx, true);
    throw error;
  }
}

function setSavepointFree(tx: PgTransaction, free: boolean): void {
  const handle = handleOf(tx);
  if (handle !== undefined) handle.savepointFree = free;
}

/** Nothing is under way, and nothing has failed: known without a round trip, if the driver is pg's own client. */
function isSound(tx: PgTransaction & { readonly readyForQuery?: unknown }): boolean {
  return tx.readyForQuery === true && tx.getTransactionStatus() === "T";
}

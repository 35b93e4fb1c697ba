import { untilAborted } from "@waybill/core/internal";
import type { Pool } from "pg";
import { checkedOut } from "./checked-out.ts";
import type { Database } from "./database.ts";
import { destroyConnection } from "./destroy-connection.ts";
import { unavailable } from "./driver-error.ts";
import { outsideTransaction } from "./outside-transaction.ts";
import { afterPgCommit, assertPgTransaction, inTransaction, type PgTransaction } from "./pg-transaction.ts";

/**
 * Connections and transactions of a `pg` pool. Never ends it.
 *
 * A pool reports an idle connection that breaks, and nobody listening would end the process at every restart of the
 * server. The pool has dropped it by then, so there is nothing to be done.
 */
export function poolDatabase(pool: Pool, prepare: boolean): Database<PgTransaction> {
  if (pool.listenerCount("error") === 0) pool.on("error", () => undefined);
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
    transaction: (work, signal) =>
      inTransaction(pool, (tx) =>
        untilAborted(
          () => work(tx),
          signal,
          () => destroyConnection(tx, (text, values) => pool.query(text, [...values])),
        ),
      ),
    savepoint: pgSavepoint,
    afterCommit: afterPgCommit,
  };
}

let savepoints = 0;

async function pgSavepoint<T>(tx: PgTransaction, work: (tx: PgTransaction) => Promise<T>): Promise<T> {
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

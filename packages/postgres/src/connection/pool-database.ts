import type { Cancellation } from "@waybill/core";
import { untilAborted } from "@waybill/core/internal";
import type { Pool } from "pg";
import { checkedOut, type CheckedOut } from "./checked-out.ts";
import type { Database } from "./database.ts";
import { destroyConnection } from "./destroy-connection.ts";
import { unavailable } from "./driver-error.ts";
import { KeptConnections } from "./kept-connections.ts";
import { openTransaction, type First } from "./open-transaction.ts";
import { outsideTransaction } from "./outside-transaction.ts";
import { pgSavepoint } from "./pg-savepoint.ts";
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
  const elsewhere = (text: string, values: readonly number[]): Promise<unknown> =>
    pool.query(text, [...values]);
  const orGivenUp = <T>(
    tx: PgTransaction,
    work: () => Promise<T>,
    signal: Cancellation | undefined,
  ): Promise<T> => {
    const giveUp = (): void => destroyConnection(tx, elsewhere);
    const orAborted = signal === undefined ? work : () => untilAborted(work, signal, giveUp);
    return untilAborted(orAborted, handleOf(tx)?.loss, giveUp);
  };
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
    opened: (first, work, { signal, onCommit } = {}) =>
      inBegun(
        kept,
        (lent) => open(lent, prepare, first),
        (tx, rows) => {
          const handle = handleOf(tx);
          if (handle !== undefined) handle.savepointFree = true;
          return orGivenUp(tx, () => work(tx, rows), signal);
        },
        onCommit && prepare ? (lent) => kept.passOn(lent, onCommit) : undefined,
      ),
    savepoint: (tx, work, signal) => pgSavepoint(tx, work, signal, elsewhere),
    afterCommit: afterPgCommit,
  };
}

/** What failed to open may be open. */
async function open(lent: CheckedOut, prepare: boolean, first: First): Promise<readonly Row[]> {
  try {
    return await openTransaction(lent, prepare, first);
  } catch (error) {
    await lent.settleOwed();
    await rollback(lent.client);
    throw error;
  }
}

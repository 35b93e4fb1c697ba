import type { Cancellation } from "@waybill/core";
import { untilAborted } from "@waybill/core/internal";
import { hadBack } from "./have-back.ts";
import { OPENED } from "./open-transaction.ts";
import type { PgTransaction } from "./pg-transaction.ts";
import { handleOf, TransactionHandle } from "./transaction-handle.ts";

type Work<T> = (tx: PgTransaction) => Promise<T>;
type Elsewhere = Parameters<typeof hadBack>[1];

let savepoints = 0;

/** @param elsewhere runs a statement on another connection */
export function pgSavepoint<T>(
  tx: PgTransaction,
  work: Work<T>,
  signal: Cancellation | undefined,
  elsewhere: Elsewhere,
): Promise<T> {
  const handle = handleOf(tx);
  if (handle === undefined) return namedSavepoint(tx, work);
  const ending = signal === undefined ? work : orUndone(handle, work, signal, elsewhere);
  return handle.savepointFree ? openedSavepoint(tx, handle, ending) : namedSavepoint(tx, ending);
}

async function namedSavepoint<T>(tx: PgTransaction, work: Work<T>): Promise<T> {
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
async function openedSavepoint<T>(tx: PgTransaction, handle: TransactionHandle, work: Work<T>): Promise<T> {
  handle.savepointFree = false;
  try {
    const result = await work(tx);
    if (!isSound(tx)) await tx.query(`release savepoint ${OPENED}`);
    return result;
  } catch (error) {
    await tx.query(`rollback to savepoint ${OPENED}`);
    handle.savepointFree = true;
    throw error;
  }
}

/** Nothing is under way, and nothing has failed: known without a round trip, if the driver is pg's own client. */
function isSound(tx: PgTransaction & { readonly readyForQuery?: unknown }): boolean {
  return tx.readyForQuery === true && tx.getTransactionStatus() === "T";
}

/**
 * The same work with a part of the transaction, which ends when the work does or `signal` aborts. Then it rejects once the
 * connection can be used again; where that fails the whole transaction is given up, and it never settles.
 */
function orUndone<T>(
  handle: TransactionHandle,
  work: Work<T>,
  signal: Cancellation,
  elsewhere: Elsewhere,
): Work<T> {
  return async () => {
    const part = new TransactionHandle(handle.of, handle);
    const undo = (): void => {
      handle.condemned = true;
      part.end();
    };
    try {
      return await untilAborted(() => work(part.client as PgTransaction), signal, undo);
    } catch (error) {
      if (handle.condemned && !(await hadBack(handle.of, elsewhere))) {
        handle.loss.abort(error);
        await new Promise(() => undefined);
      }
      throw error;
    } finally {
      part.end();
    }
  };
}

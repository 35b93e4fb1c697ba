import { asMethodDecorator, type MethodDecorator } from "../decorators/method-decorator.ts";
import type { Storage } from "../ports/storage.ts";
import { AmbientTransaction } from "./ambient-transaction.ts";

/** Transactions that code finds without being handed them. All of these can be taken out of the object. */
export interface Transactions<Tx> {
  /**
   * Runs `work` in the ambient transaction, or else in one of its own at READ COMMITTED: committed when `work`
   * resolves. An error rolls back all of it, the outermost caller's part too, even if somebody in between caught it.
   *
   * @throws WaybillError `STORAGE_UNAVAILABLE`, or `COMMIT_UNKNOWN` when the connection was lost during COMMIT
   */
  runInTransaction<T>(this: void, work: (tx: Tx) => Promise<T> | T): Promise<T>;
  /**
   * Makes an open transaction of yours the ambient one of `work`. You still commit it, after this resolves, or roll it
   * back, after this rejects.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION` when `tx` is not open
   */
  withTransaction<T>(this: void, tx: Tx, work: () => Promise<T> | T): Promise<T>;
  /**
   * The ambient transaction: of `runInTransaction`, `transactional`, `idempotent`, `withTransaction` or the handler of
   * a consumer.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION` outside of any, and in timers and un-awaited work that outlived theirs
   */
  currentTransaction(this: void): Tx;
  /** The function, run by `runInTransaction` each time it is called. */
  transactional<This, Args extends unknown[], R>(
    this: void,
    fn: (this: This, ...args: Args) => Promise<R> | R,
  ): (this: This, ...args: Args) => Promise<R>;
  /** The same for a method, as a decorator (standard or `experimentalDecorators`). */
  transactional(this: void): TransactionalMethod;
}

/** Decorates any method that answers a promise. */
export type TransactionalMethod = MethodDecorator<() => unknown, unknown>;

/** Makes the ambient transactions of a storage. What shares them is made with the same `ambient`. */
export function createTransactions<Tx>(
  storage: Pick<Storage<Tx>, "transaction" | "outbox">,
  ambient = new AmbientTransaction<Tx>(),
): Transactions<Tx> {
  const runInTransaction: Transactions<Tx>["runInTransaction"] = (work) =>
    ambient.isOpen ? ambient.join(work) : storage.transaction((tx) => ambient.run(tx, () => work(tx)));

  function wrap<This, Args extends unknown[], R>(
    fn: (this: This, ...args: Args) => Promise<R> | R,
  ): (this: This, ...args: Args) => Promise<R> {
    return function (this: This, ...args: Args) {
      return runInTransaction(() => fn.apply(this, args));
    };
  }

  return {
    runInTransaction,
    async withTransaction(tx, work) {
      storage.outbox.assertTransaction(tx);
      return ambient.run(tx, work);
    },
    currentTransaction: () => ambient.tx,
    transactional: ((fn?: (...args: unknown[]) => unknown) =>
      fn === undefined ? asMethodDecorator(wrap) : wrap(fn)) as Transactions<Tx>["transactional"],
  };
}

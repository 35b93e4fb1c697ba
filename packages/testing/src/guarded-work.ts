import type { Storage } from "@waybill/core";
import { guardedTransaction, originalOf } from "./guarded-transaction.ts";
import type { GroupMessage, Journal } from "./journal.ts";
import { never, type Life } from "./life.ts";

/** What the open transactions of a process have claimed, by transaction. */
export type Claims = WeakMap<object, Map<string, GroupMessage>>;

/** A transaction of a process: rolled back when the process dies before it committed. */
export async function guardedWork<Tx, T>(
  storage: Storage<Tx>,
  parts: {
    readonly life: Life;
    readonly journal: Journal;
    readonly claims: Claims;
    readonly options: Parameters<Storage<Tx>["transaction"]>[1];
  },
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const { life, journal, claims } = parts;
  let claimed: ReturnType<Claims["get"]>;
  const perform = async (): Promise<T> => {
    const result = await storage.transaction(async (tx) => {
      const key = tx as object;
      claims.set(key, new Map());
      const done = await Promise.race([work(guardedTransaction(tx, life)), life.death]);
      claimed = claims.get(key);
      claims.delete(key);
      if (
        life.dead ||
        life.reach("storage.transaction", "end", claimed?.size ? "before-commit" : undefined)
      ) {
        return life.death;
      }
      return done;
    }, parts.options);
    for (const message of claimed?.values() ?? []) journal.handledBy(message);
    return result;
  };
  return life.pass("storage.transaction", perform, {
    after: () => (claimed?.size ? "after-commit" : undefined),
  });
}

/** Handlers run in a savepoint. A dead one stays open until its transaction is rolled back: no stray statement. */
export async function guardedSavepoint<Tx, T>(
  parts: {
    readonly storage: Storage<Tx>;
    readonly life: Life;
    readonly options: Parameters<Storage<Tx>["savepoint"]>[2];
  },
  tx: Tx,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const { storage, life, options } = parts;
  if (life.dead || life.reach("storage.savepoint", "before", "before-handler")) return never();
  try {
    const perform = async (inner: Tx): Promise<T> => {
      const done = await work(guardedTransaction(inner, life));
      return life.reach("storage.savepoint", "end", "after-handler") ? never<T>() : done;
    };
    const result = await storage.savepoint(originalOf(tx), perform, options);
    return life.dead || life.reach("storage.savepoint", "after") ? await never() : result;
  } catch (error) {
    if (life.dead) return never();
    throw error;
  }
}

import type { SqlTransaction } from "../ports/sql-transaction.ts";
import type { Storage } from "../ports/storage.ts";
import { checkedKey, type RecordKey } from "./record-key.ts";

/** The primitive under everything that happens once. */
export interface Inbox<Tx> {
  /**
   * Runs `work` unless the group has applied the message before. The record and what `work` does through its
   * transaction commit together with `tx`, or not at all: when `work` fails, both are undone (they are in a savepoint),
   * `tx` remains usable, and the next copy runs.
   *
   * A copy that arrives while `tx` is open waits for it: it is a duplicate if `tx` commits, and runs if not. Under
   * REPEATABLE READ and SERIALIZABLE it fails instead, because it cannot see what was committed meanwhile.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION`; `OPTIONS_INVALID` for an empty id; `TRANSACTION_CONFLICT` when the whole
   * transaction has to be run again; and what `work` throws
   */
  once<T extends Tx | SqlTransaction>(
    tx: T,
    key: RecordKey,
    work: (tx: T) => unknown,
  ): Promise<"done" | "duplicate">;
}

/** Makes the inbox of a storage, without anything else of Waybill. */
export function createInbox<Tx>(parts: {
  readonly storage: Pick<Storage<Tx>, "inbox" | "savepoint">;
}): Inbox<Tx> {
  // Storages make savepoints in whatever transaction they record in.
  const storage = parts.storage as Pick<Storage<Tx | SqlTransaction>, "inbox" | "savepoint">;
  return {
    async once(tx, key, work) {
      const { group, messageId } = checkedKey("inbox.once", key);
      return storage.savepoint(tx, async (inner) => {
        const record = await storage.inbox.record(inner, group, messageId);
        if (!record.first) return "duplicate";
        await work(inner as typeof tx);
        return "done";
      });
    },
  };
}

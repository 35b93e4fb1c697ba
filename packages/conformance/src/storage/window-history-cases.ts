import type { Snapshot, Storage } from "@waybill/core";
import { seededRandom } from "@waybill/services";
import { expect, test } from "vitest";
import { newMessage } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { startOf } from "./storage-bed.ts";

const WRITERS = 3;
const TRANSACTIONS_PER_WRITER = 20;
const PAGE_ROWS = 3;
const KEYS = ["a", "b"];

/** What writers committed, and in which order per key. */
interface History {
  readonly committed: Set<string>;
  readonly orderOfKey: Map<string, string[]>;
}

export function windowHistoryCases<Tx>({ open }: StorageSuite<Tx>): void {
  test.each([1, 2])(
    "many writers: every committed message is read once, in the order of its key (seed %i)",
    async (seed) => {
      const { storage } = await open();
      const from = await startOf(storage);
      const history: History = { committed: new Set(), orderOfKey: new Map(KEYS.map((key) => [key, []])) };
      let writing = true;
      const writers = Array.from({ length: WRITERS }, (_, index) =>
        write(storage, history, seed * 100 + index),
      );
      const reader = read(storage, from, () => writing);
      await Promise.all(writers);
      writing = false;
      const got = await reader;
      expect(got.map(({ id }) => id).toSorted()).toEqual([...history.committed].toSorted());
      for (const key of KEYS) {
        expect(got.filter((row) => row.key === key).map(({ id }) => id)).toEqual(history.orderOfKey.get(key));
      }
    },
  );
}

/** Transactions that write, roll back savepoints, commit or roll back by chance; keys are locked before the send. */
async function write<Tx>(storage: Storage<Tx>, history: History, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let count = 0; count < TRANSACTIONS_PER_WRITER; count += 1) {
    const key = KEYS[Math.floor(random() * KEYS.length)] ?? "a";
    const message = newMessage({ key });
    const free = newMessage({ key: null });
    const work = storage.transaction(async (tx) => {
      await storage.outbox.append(tx, [free]);
      await storage.outbox.lockKeys(tx, [{ topic: message.topic, key }]);
      await storage.outbox.append(tx, [message]);
      if (random() < 0.3) {
        const undone = storage.savepoint(tx, async (inner) => {
          await storage.outbox.append(inner, [newMessage({ key })]);
          throw new Error("undo");
        });
        await undone.catch(() => undefined);
      }
      if (random() < 0.3) throw new Error("roll back");
      // The lock is still held, so this is the order in which the transactions of the key commit.
      history.orderOfKey.get(key)?.push(message.id);
    });
    const committed = await work.then(
      () => true,
      () => false,
    );
    if (committed) history.committed.add(message.id).add(free.id);
  }
}

/** Follows the outbox in small pages until nobody writes and a window is empty. */
async function read<Tx>(
  storage: Storage<Tx>,
  start: Snapshot,
  writing: () => boolean,
): Promise<{ readonly id: string; readonly key: string | null }[]> {
  const got: { id: string; key: string | null }[] = [];
  let from = start;
  await waitUntil("the last window", async () => {
    const last = !writing();
    const window = await storage.outbox.openWindow(from, PAGE_ROWS);
    let page = window.rows;
    while (page.length > 0) {
      got.push(...page.map(({ envelope }) => ({ id: envelope.id, key: envelope.key })));
      if (page.length < PAGE_ROWS) break;
      page = await storage.outbox.readWindow({ from, to: window.to }, page.at(-1)?.rowId ?? 0, PAGE_ROWS);
    }
    from = window.to;
    return last && window.rows.length === 0;
  });
  return got;
}

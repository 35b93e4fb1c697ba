import { expect, test } from "vitest";
import { newEnvelope, newMessage } from "../support/messages.ts";
import { staysPending, waitUntil } from "../support/wait-until.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, rolledBack, startOf } from "./storage-bed.ts";

export function transactionCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a transaction answers what its work answers, and fails with its error", async () => {
    const { storage } = await open();
    expect(await storage.transaction(async () => 42)).toBe(42);
    const failure = new Error("business says no");
    await expect(storage.transaction(() => Promise.reject(failure))).rejects.toBe(failure);
  });

  test("a savepoint that fails undoes its own effects and leaves the transaction usable", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const messages = [newMessage(), newMessage(), newMessage()];
    const failure = new Error("handler failed");
    await storage.transaction(async (tx) => {
      await storage.outbox.append(tx, messages.slice(0, 1));
      const work = storage.savepoint(tx, async (inner) => {
        await storage.outbox.append(inner, messages.slice(1, 2));
        throw failure;
      });
      await expect(work).rejects.toBe(failure);
      const answer = await storage.savepoint(tx, async (inner) => {
        await storage.outbox.append(inner, messages.slice(2));
        return "kept";
      });
      expect(answer).toBe("kept");
    });
    const { rows } = await storage.outbox.openWindow(from, 10);
    expect(rows.map((row) => row.envelope.id)).toEqual([messages[0]?.id, messages[2]?.id]);
  });

  test("a savepoint inside a savepoint that fails is undone with it", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    await storage.transaction(async (tx) => {
      const outer = storage.savepoint(tx, async (one) => {
        await storage.savepoint(one, (two) => storage.outbox.append(two, [newMessage()]));
        throw new Error("outer fails");
      });
      await expect(outer).rejects.toThrow("outer fails");
    });
    expect((await storage.outbox.openWindow(from, 10)).rows).toEqual([]);
  });

  test("a claim in a savepoint that failed can be made again", async () => {
    const { storage } = await open();
    const request = { group: "billing", envelope: newEnvelope(), ordered: true, parkedId: null };
    await storage.transaction(async (tx) => {
      const work = storage.savepoint(tx, async (inner) => {
        expect(await storage.inbox.claim(inner, request)).toBe("claimed");
        throw new Error("undo");
      });
      await expect(work).rejects.toThrow("undo");
      expect(await storage.inbox.claim(tx, request)).toBe("claimed");
    });
  });

  test("what is no open transaction is refused", async () => {
    const { storage } = await open();
    const ended = await storage.transaction(async (tx) => tx);
    const refusal = expect.objectContaining({ name: "WaybillError", code: "NOT_IN_TRANSACTION" });
    expect(() => storage.outbox.assertTransaction({} as Tx)).toThrow(refusal);
    expect(() => storage.outbox.assertTransaction(ended)).toThrow(refusal);
    await storage.transaction(async (tx) => storage.outbox.assertTransaction(tx));
  });

  test("lockKeys makes a transaction wait for others that hold one of its keys, and for nobody else", async () => {
    const { storage } = await open();
    const key = { topic: "thing.happened", key: "k" };
    const first = await hold(storage);
    const second = await hold(storage);
    await storage.outbox.lockKeys(first.tx, [key, { topic: "thing.happened", key: "other" }]);
    await storage.outbox.lockKeys(second.tx, [
      { topic: "thing.happened", key: "free" },
      { topic: "thing.ended", key: "k" },
    ]);
    const locked = storage.outbox.lockKeys(second.tx, [key]);
    expect(await staysPending(locked)).toBe(true);
    await first.commit();
    await locked;
  });

  test("lockKeys lets go when its transaction rolls back", async () => {
    const { storage } = await open();
    const keys = [{ topic: "thing.happened", key: "k" }];
    await rolledBack(storage, (tx) => storage.outbox.lockKeys(tx, keys));
    await storage.transaction((tx) => storage.outbox.lockKeys(tx, keys));
  });

  test("afterCommit runs after the commit, and never after a rollback", async () => {
    const { storage } = await open();
    const calls: string[] = [];
    await rolledBack(storage, async (tx) => storage.outbox.afterCommit(tx, () => calls.push("rolled back")));
    await storage.transaction(async (tx) => {
      storage.outbox.afterCommit(tx, () => calls.push("committed"));
      await storage.outbox.append(tx, [newMessage()]);
      expect(calls).toEqual([]);
    });
    await waitUntil("the action", () => calls.length > 0);
    expect(calls).toEqual(["committed"]);
  });
}

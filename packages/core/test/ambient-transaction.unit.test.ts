import { expect, test } from "vitest";
import { systemClock, type MemoryTransaction } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const outside = { code: "NOT_IN_TRANSACTION" };

test("what runs inside finds the transaction, and all of it commits together", async () => {
  const { waybill, storage } = createBed();
  const write = async (key: string): Promise<void> => waybill.currentTransaction().set(key, 1);
  await waybill.runInTransaction(async (tx) => {
    expect(waybill.currentTransaction()).toBe(tx);
    await write("a");
    await Promise.all([write("b"), systemClock.sleep(1).then(() => write("c"))]);
    expect(storage.committed("a")).toBeUndefined();
  });
  expect(["a", "b", "c"].map((key) => storage.committed(key))).toEqual([1, 1, 1]);
});

test("outside of a transaction there is none", async () => {
  const { waybill } = createBed();
  expect(() => waybill.currentTransaction()).toThrow(expect.objectContaining(outside));
  await waybill.runInTransaction(() => undefined);
  expect(() => waybill.currentTransaction()).toThrow(expect.objectContaining(outside));
});

test("nested use joins: one transaction, one commit, one rollback", async () => {
  const { waybill, storage } = createBed();
  const book = waybill.transactional(async (key: string) => waybill.currentTransaction().set(key, 1));
  await waybill.runInTransaction(async (tx) => {
    await book("a");
    await waybill.runInTransaction((inner) => expect(inner).toBe(tx));
    expect(storage.committed("a")).toBeUndefined();
  });
  expect(storage.committed("a")).toBe(1);
  const failing = waybill.runInTransaction(async () => {
    await book("b");
    throw new Error("outer");
  });
  await expect(failing).rejects.toThrow("outer");
  expect(storage.committed("b")).toBeUndefined();
});

test("an error of joined work rolls back all, also when somebody in between catches it", async () => {
  const { waybill, storage } = createBed();
  const failing = waybill.runInTransaction(async (tx) => {
    await tx.set("a", 1);
    await waybill
      .runInTransaction(async () => {
        throw new Error("inner");
      })
      .catch(() => undefined);
    return "looks fine";
  });
  await expect(failing).rejects.toThrow("inner");
  expect(storage.committed("a")).toBeUndefined();
});

test("concurrent requests each see their own transaction", async () => {
  const { waybill, storage } = createBed();
  const seen = new Set<MemoryTransaction>();
  const request = waybill.transactional(async (key: string) => {
    const tx = waybill.currentTransaction();
    seen.add(tx);
    for (let turn = 0; turn < 5; turn += 1) {
      await systemClock.sleep(0);
      expect(waybill.currentTransaction()).toBe(tx);
    }
    await tx.set(key, key);
    if (key === "r7") throw new Error("only this one fails");
  });
  const keys = Array.from({ length: 20 }, (_, index) => `r${index}`);
  await Promise.allSettled(keys.map((key) => request(key)));
  expect(seen.size).toBe(20);
  expect(keys.filter((key) => storage.committed(key) === undefined)).toEqual(["r7"]);
});

test("timers and un-awaited work that outlive their transaction get an error, never another transaction", async () => {
  const { waybill, storage } = createBed();
  const outcomes: unknown[] = [];
  const outlived = Promise.withResolvers<void>();
  const late = async (): Promise<void> => {
    await outlived.promise;
    await waybill.send(waybill.currentTransaction(), Placed, { order: "a", no: 1 });
  };
  await waybill.runInTransaction(() => {
    late().catch((error: unknown) => outcomes.push(error));
    setTimeout(() => {
      try {
        waybill.currentTransaction();
      } catch (error) {
        outcomes.push(error);
      }
    }, 0);
  });
  await waybill.runInTransaction(async () => {
    outlived.resolve();
    await eventually("both were refused", () => outcomes.length === 2);
  });
  expect(outcomes).toEqual([expect.objectContaining(outside), expect.objectContaining(outside)]);
  expect((outcomes[0] as Error).message).toMatch(/has ended/);
  expect((await storage.outbox.openWindow("1:1:", 10)).rows).toEqual([]);
});

test("later work that asks for a transaction of its own gets one", async () => {
  const { waybill, storage } = createBed();
  const done = Promise.withResolvers<void>();
  let outer: unknown;
  await waybill.runInTransaction((tx) => {
    outer = tx;
    setTimeout(() => {
      const own = waybill.runInTransaction(async (inner) => {
        expect(inner).not.toBe(outer);
        await inner.set("later", 1);
      });
      own.then(done.resolve, done.reject);
    }, 0);
  });
  await done.promise;
  expect(storage.committed("later")).toBe(1);
});

test("your own transaction can be the ambient one, and a failure in it reaches you", async () => {
  const { waybill, storage } = createBed();
  const book = waybill.transactional(async () => waybill.currentTransaction().set("a", 1));
  const own = storage.transaction(async (tx) => {
    await waybill.withTransaction(tx, book);
    await tx.set("b", 1);
  });
  await own;
  expect([storage.committed("a"), storage.committed("b")]).toEqual([1, 1]);
  const ended = await storage.transaction(async (tx) => tx);
  await expect(waybill.withTransaction(ended, book)).rejects.toMatchObject(outside);
});

test("what a consumer's handler calls joins the handler's transaction and its savepoint", async () => {
  const { waybill, storage, place } = createBed();
  const book = waybill.transactional(async (order: string) => waybill.currentTransaction().set(order, 1));
  waybill.consumer("stock").on(Placed, async ({ order }, { tx }) => {
    await book(order);
    expect(waybill.currentTransaction()).toBe(tx);
    expect(storage.committed(order)).toBeUndefined();
  });
  await waybill.start();
  await place("a", 1);
  await eventually("applied", () => storage.committed("a") === 1);
});

test("two Waybills of one process do not see each other's transactions", async () => {
  const [one, two] = [createBed().waybill, createBed().waybill];
  await one.runInTransaction(async () => {
    expect(() => two.currentTransaction()).toThrow(expect.objectContaining(outside));
  });
});

import { expect, test } from "vitest";
import { memoryStorage } from "../src/memory/storage/memory-storage.ts";

const count = (value: unknown): number => (typeof value === "number" ? value : 0) + 1;

test("a business row exists for others if and only if its transaction committed", async () => {
  const storage = memoryStorage({ source: "orders" });
  const failed = storage.transaction(async (tx) => {
    await tx.set("order", "lost");
    throw new Error("roll back");
  });
  await expect(failed).rejects.toThrow("roll back");
  expect(storage.committed("order")).toBeUndefined();
  await storage.transaction(async (tx) => {
    await tx.set("order", "kept");
    expect(await tx.get("order")).toBe("kept");
    expect(storage.committed("order")).toBeUndefined();
  });
  expect(storage.committed("order")).toBe("kept");
});

test("a savepoint that fails restores the rows that it changed or deleted", async () => {
  const storage = memoryStorage({ source: "orders" });
  await storage.transaction(async (tx) => {
    await tx.set("a", 1);
    await tx.set("b", 1);
    const work = storage.savepoint(tx, async (inner) => {
      await inner.set("a", 2);
      await inner.set("b", undefined);
      await inner.set("c", 1);
      throw new Error("undo");
    });
    await expect(work).rejects.toThrow("undo");
  });
  expect(["a", "b", "c"].map((key) => storage.committed(key))).toEqual([1, 1, undefined]);
});

test("updates of one row wait for each other, so that none is lost", async () => {
  const storage = memoryStorage({ source: "orders" });
  const increment = (): Promise<number> =>
    storage.transaction(async (tx) => {
      const value = await tx.update("stock", count);
      await Promise.resolve();
      return value;
    });
  await Promise.all(Array.from({ length: 20 }, increment));
  expect(storage.committed("stock")).toBe(20);
});

test("of two transactions that wait for each other, one fails instead of both hanging", async () => {
  const storage = memoryStorage({ source: "orders" });
  const both = Promise.withResolvers<void>();
  let begun = 0;
  const swap = (first: string, second: string): Promise<void> =>
    storage.transaction(async (tx) => {
      await tx.set(first, 1);
      begun += 1;
      if (begun === 2) both.resolve();
      await both.promise;
      await tx.set(second, 1);
    });
  const outcomes = await Promise.allSettled([swap("a", "b"), swap("b", "a")]);
  const failures = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(failures).toMatchObject([{ reason: { code: "STORAGE_FAILED" } }]);
});

test("a transaction of another storage, and one that has ended, are refused", async () => {
  const [mine, foreign] = [memoryStorage({ source: "orders" }), memoryStorage({ source: "orders" })];
  const refusal = { code: "NOT_IN_TRANSACTION" };
  await foreign.transaction(async (tx) => {
    await expect(mine.outbox.append(tx, [])).rejects.toMatchObject(refusal);
  });
  const ended = await mine.transaction(async (tx) => tx);
  await expect(ended.get("a")).rejects.toMatchObject(refusal);
  await expect(ended.set("a", 1)).rejects.toMatchObject(refusal);
  await expect(mine.savepoint(ended, async () => 1)).rejects.toMatchObject(refusal);
});

test("a storage without a source takes the first that asks", async () => {
  const storage = memoryStorage({ partitions: 8 });
  expect(await storage.check("orders")).toEqual({ source: "orders", partitions: 8 });
  await expect(storage.check("billing")).rejects.toMatchObject({ code: "SOURCE_MISMATCH" });
});

test("what fails after the commit does not look like a failed commit", async () => {
  const storage = memoryStorage({ source: "orders" });
  await storage.transaction(async (tx) => {
    storage.outbox.afterCommit(tx, () => {
      throw new Error("a broken hint");
    });
    await tx.set("order", 1);
  });
  expect(storage.committed("order")).toBe(1);
});

test("a savepoint that fails lets go of the locks that it took", async () => {
  const storage = memoryStorage({ source: "orders" });
  await storage.transaction(async (tx) => {
    const work = storage.savepoint(tx, async (inner) => {
      await inner.set("a", 1);
      throw new Error("undo");
    });
    await expect(work).rejects.toThrow("undo");
    await storage.transaction((other) => other.set("a", 2));
  });
  expect(storage.committed("a")).toBe(2);
});

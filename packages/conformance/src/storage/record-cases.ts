import type { Recorded, Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope } from "../support/messages.ts";
import { staysPending, waitUntil } from "../support/wait-until.ts";
import { claim, claimOf, GROUP, positioned } from "./claim-cases.ts";
import type { StorageBed, StorageSuite } from "./storage-bed.ts";
import { hold, rolledBack } from "./storage-bed.ts";

/** Records in a transaction of its own. */
function record<Tx>(storage: Storage<Tx>, messageId: string, group = GROUP): Promise<Recorded> {
  return storage.transaction((tx) => storage.inbox.record(tx, group, messageId));
}

/** Forgets everything that can be forgotten, until `count` records were. */
async function forgetAll<Tx>(bed: StorageBed<Tx>, count: number, limit = 1_000): Promise<number[]> {
  const counts: number[] = [];
  const sum = (): number => counts.reduce((total, one) => total + one, 0);
  bed.advance?.(10);
  await waitUntil(`${count} forgotten records`, async () => {
    counts.push(await bed.storage.inbox.forget(0, limit));
    return sum() >= count;
  });
  expect(sum()).toBe(count);
  return counts;
}

const first: Recorded = { first: true };
const again: Recorded = { first: false, result: null };

export function recordCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("any text is recorded once by each group", async () => {
    const { storage } = await open();
    const ids = ["evt_1", "EVT_1", " ", "ключ/🔑\0", "\ud800", "\ud801", "x".repeat(20_000)];
    for (const id of ids) expect(await record(storage, id)).toEqual(first);
    for (const id of ids) expect(await record(storage, id)).toEqual(again);
    for (const id of ids) expect(await record(storage, id, "shipping")).toEqual(first);
  });

  test("a record by id and a claim of that id are the same", async () => {
    const { storage } = await open();
    const [recorded, claimed] = [newEnvelope(), positioned()(0)];
    await record(storage, recorded.id);
    expect(await claim(storage, claimOf(recorded))).toBe("duplicate");
    await claim(storage, claimOf(claimed));
    expect(await record(storage, claimed.id)).toEqual(again);
  });

  test("a record does not stand when its transaction rolls back, nor when its savepoint fails", async () => {
    const { storage } = await open();
    await rolledBack(storage, async (tx) => {
      expect(await storage.inbox.record(tx, GROUP, "evt_1")).toEqual(first);
    });
    await storage.transaction(async (tx) => {
      const work = storage.savepoint(tx, async (inner) => {
        expect(await storage.inbox.record(inner, GROUP, "evt_1")).toEqual(first);
        throw new Error("undo");
      });
      await expect(work).rejects.toThrow("undo");
    });
    expect(await record(storage, "evt_1")).toEqual(first);
  });

  test.each(["commits", "rolls back"])("a copy waits for the first, which %s", async (end) => {
    const { storage } = await open();
    const running = await hold(storage);
    expect(await storage.inbox.record(running.tx, GROUP, "evt_1")).toEqual(first);
    await storage.inbox.keepResult(running.tx, GROUP, "evt_1", "paid");
    const second = record(storage, "evt_1");
    expect(await staysPending(second)).toBe(true);
    await (end === "commits" ? running.commit() : running.rollback());
    expect(await second).toEqual(end === "commits" ? { first: false, result: "paid" } : first);
  });

  test("of many copies at once one is the first", async () => {
    const { storage } = await open();
    const answers = await Promise.all(Array.from({ length: 4 }, () => record(storage, "evt_1")));
    expect(answers.filter((answer) => answer.first)).toHaveLength(1);
  });

  test("a result is kept with its record, and undone with it", async () => {
    const { storage } = await open();
    const result = '{"receipt":"№ 1 🧾"}';
    await storage.transaction(async (tx) => {
      await storage.inbox.record(tx, GROUP, "evt_1");
      await storage.inbox.keepResult(tx, GROUP, "evt_1", result);
      expect(await storage.inbox.record(tx, GROUP, "evt_1")).toEqual({ first: false, result });
    });
    expect(await record(storage, "evt_1")).toEqual({ first: false, result });
    await rolledBack(storage, (tx) => storage.inbox.keepResult(tx, GROUP, "evt_1", "other"));
    expect(await record(storage, "evt_1")).toEqual({ first: false, result });
    expect(await record(storage, "evt_1", "shipping")).toEqual(first);
  });

  test("old records without a position are forgotten, in bounded steps; no others are", async () => {
    const bed = await open();
    const { storage } = bed;
    const foreign = newEnvelope();
    const placed = positioned()(0);
    await claim(storage, claimOf(foreign));
    await claim(storage, claimOf(placed));
    for (const id of ["evt_1", "evt_2"]) await record(storage, id);
    expect(await storage.inbox.forget(3_600_000, 100)).toBe(0);
    expect(Math.max(...(await forgetAll(bed, 3, 2)))).toBeLessThanOrEqual(2);
    expect(await storage.inbox.forget(0, 100)).toBe(0);
    expect(await claim(storage, claimOf(placed))).toBe("duplicate");
    expect(await claim(storage, claimOf(foreign))).toBe("claimed");
    expect(await record(storage, "evt_1")).toEqual(first);
  });

  test("a record that has not committed is not forgotten, and keeps nobody waiting", async () => {
    const bed = await open();
    const { storage } = bed;
    await record(storage, "evt_1");
    const running = await hold(storage);
    await storage.inbox.record(running.tx, GROUP, "evt_2");
    await forgetAll(bed, 1);
    await running.commit();
    expect(await record(storage, "evt_2")).toEqual(again);
  });
}

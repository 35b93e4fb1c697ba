import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { claim, claimOf, GROUP } from "./claim-cases.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import { hold, later, rolledBack, type StorageSuite } from "./storage-bed.ts";

const AGAIN = { stage: "handle", reason: "retry", attempts: 2, dueInMs: 0, error: "again" } as const;

export function startCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("starts of a delivered message are counted, after the first only alone, and forgotten with its transaction", async () => {
    const { storage } = await open();
    const { inbox } = storage;
    const ids = [newEnvelope().id, "evt/1"];
    for (const id of ids) {
      expect(await inbox.start(GROUP, id, false)).toBe(1);
      expect(await inbox.start(GROUP, id, false)).toBeNull();
      expect(await inbox.start(GROUP, id, true)).toBe(2);
      expect(await inbox.start("shipping", id, false)).toBe(1);
      await expect(
        storage.transaction(async (tx) => {
          await inbox.forgetStarts(tx, GROUP, id);
          throw new Error("undo");
        }),
      ).rejects.toThrow("undo");
      expect(await inbox.start(GROUP, id, true)).toBe(3);
      await storage.transaction((tx) => inbox.forgetStarts(tx, GROUP, id));
      expect(await inbox.start(GROUP, id, false)).toBe(1);
    }
  });

  test("a start that was survived is taken back, never below zero", async () => {
    const { inbox } = (await open()).storage;
    const { id } = newEnvelope();
    await inbox.unstart(GROUP, id);
    expect(await inbox.start(GROUP, id, false)).toBe(1);
    await inbox.unstart(GROUP, id);
    await inbox.unstart(GROUP, id);
    expect(await inbox.start(GROUP, id, false)).toBe(1);
  });

  test("starts that are old are forgotten with old records", async () => {
    const bed = await open();
    const { inbox } = bed.storage;
    const { id } = newEnvelope();
    expect(await inbox.start(GROUP, id, false)).toBe(1);
    await inbox.forget(60_000, 10);
    expect(await inbox.start(GROUP, id, false)).toBeNull();
    await later(bed, 10, "the start to be forgotten", async () => {
      await inbox.forget(5, 10);
      return (await inbox.start(GROUP, id, false)) === 1;
    });
  });

  test("what was applied or parked has no starts", async () => {
    const { storage } = await open();
    const [applied, waiting] = [newEnvelope(), newEnvelope()];
    await claim(storage, claimOf(applied));
    await parkAll(storage, newParked({ group: GROUP, envelope: waiting }));
    for (const { id } of [applied, waiting]) {
      expect(await storage.inbox.start(GROUP, id, false)).toBe(0);
      expect(await storage.inbox.start(GROUP, id, true)).toBe(0);
    }
  });

  test("starts of the parked message that is next are counted, after the first only alone", async () => {
    const { storage } = await open();
    const { parked } = storage;
    expect(await parked.start(GROUP, false)).toBeNull();
    await parkAll(storage, newParked({ group: GROUP }));
    const first = await parked.start(GROUP, false);
    expect(first?.starts).toBe(1);
    const parkedId = first?.parkedId ?? -1;
    expect(await parked.start(GROUP, false)).toEqual({ parkedId, starts: null });
    expect(await parked.start(GROUP, true)).toEqual({ parkedId, starts: 2 });
    await parked.unstart(parkedId);
    expect(await parked.start(GROUP, true)).toEqual({ parkedId, starts: 2 });
    await parked.unstart(parkedId);
    await parked.unstart(parkedId);
    expect(await parked.start(GROUP, false)).toEqual({ parkedId, starts: 1 });
    expect(await parked.start("shipping", false)).toBeNull();
  });

  test("what another transaction runs now is not started, and only what was started is taken", async () => {
    const { storage } = await open();
    await parkAll(storage, newParked({ group: GROUP, envelope: newEnvelope({ key: "a" }) }));
    await parkAll(storage, newParked({ group: GROUP, envelope: newEnvelope({ key: "b" }) }));
    const first = await storage.parked.start(GROUP, false);
    const held = await hold(storage);
    const taken = await storage.parked.takeDue(held.tx, GROUP, first?.parkedId);
    expect(taken?.parkedId).toBe(first?.parkedId);
    const second = await storage.parked.start(GROUP, false);
    expect(second?.parkedId).not.toBe(first?.parkedId);
    await rolledBack(storage, async (tx) => {
      expect(await storage.parked.takeDue(tx, GROUP, first?.parkedId)).toBeNull();
      expect((await storage.parked.takeDue(tx, GROUP, second?.parkedId))?.envelope.key).toBe("b");
    });
  });

  test("starts are forgotten when the message is settled or parked again, and not when that rolls back", async () => {
    const { storage } = await open();
    await parkAll(storage, newParked({ group: GROUP }));
    const { parkedId = -1 } = (await storage.parked.start(GROUP, false)) ?? {};
    await rolledBack(storage, (tx) => storage.parked.again(tx, parkedId, AGAIN));
    expect(await storage.parked.start(GROUP, false)).toEqual({ parkedId, starts: null });
    await takeOne(storage, (tx) => storage.parked.again(tx, parkedId, AGAIN));
    expect(await storage.parked.start(GROUP, false)).toEqual({ parkedId, starts: 1 });
    await takeOne(storage, (tx) => storage.parked.remove(tx, parkedId));
    expect(await storage.parked.start(GROUP, true)).toBeNull();
  });
}

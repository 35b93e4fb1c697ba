import type { NewParked, Parked, Storage } from "@waybill/core";
import { OUTGOING } from "@waybill/core";
import { expect, test } from "vitest";
import { comparable, newEnvelope, newParked } from "../support/messages.ts";
import { stepOf } from "./progress-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, later, leaseOf, rolledBack } from "./storage-bed.ts";

const FAR_MS = 3_600_000;
const GROUP = "billing";

/** Parks messages of the group, one transaction each. */
export async function parkAll<Tx>(storage: Storage<Tx>, ...rows: NewParked[]): Promise<void> {
  for (const row of rows) await storage.transaction((tx) => storage.parked.park(tx, row));
}

/** Takes what is due, hands it to `work`, and commits. */
export function takeOne<Tx>(
  storage: Storage<Tx>,
  work: (tx: Tx, row: Parked) => Promise<void> = () => Promise.resolve(),
): Promise<Parked | null> {
  return storage.transaction(async (tx) => {
    const row = await storage.parked.takeDue(tx, GROUP);
    if (row !== null) await work(tx, row);
    return row;
  });
}

export function parkedCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a parked message comes back whole when it is due", async () => {
    const { storage } = await open();
    const position = { incarnation: "6f1c1f0e-7a55-4c8e-9a53-0d6b3c1f2a10", sequence: 3 };
    const envelope = newEnvelope({ position, payload: Uint8Array.of(0, 255), headers: { h: "é" } });
    const { due, ...parked } = newParked({ envelope, stage: "compensate", attempts: 3, error: "no\nluck" });
    await parkAll(storage, { ...parked, due });
    const row = await takeOne(storage);
    if (row === null) throw new Error("nothing was due");
    const { envelope: _envelope, ...rest } = parked;
    expect(row).toMatchObject(rest);
    expect(comparable(row.envelope)).toEqual(comparable(envelope));
  });

  test("nothing is due before its time, and nothing in another group", async () => {
    const bed = await open();
    const { storage } = bed;
    expect(await takeOne(storage)).toBeNull();
    await parkAll(
      storage,
      newParked({ group: "shipping" }),
      newParked({ due: { inMs: FAR_MS }, envelope: newEnvelope({ key: "far" }) }),
    );
    expect(await takeOne(storage)).toBeNull();
    await parkAll(storage, newParked({ due: { inMs: 50 }, envelope: newEnvelope({ key: "soon" }) }));
    const row = await later(bed, 50, "the message to be due", () => takeOne(storage));
    expect(row.envelope.key).toBe("soon");
  });

  test("parking a message of a group a second time changes nothing", async () => {
    const { storage } = await open();
    const parked = newParked();
    await parkAll(
      storage,
      parked,
      { ...parked, attempts: 9, error: "other" },
      { ...parked, group: "shipping" },
    );
    const row = await takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId));
    expect(row).toMatchObject({ attempts: 1, error: "it failed" });
    expect(await takeOne(storage)).toBeNull();
    expect(await storage.parked.count(10)).toEqual([{ group: "shipping", reason: "retry", count: 1 }]);
    await parkAll(storage, parked);
    const anew = await takeOne(storage);
    expect(anew?.envelope.id).toBe(parked.envelope.id);
    expect(anew?.parkedId).not.toBe(row?.parkedId);
  });

  test("parking, removing and trying again stand or fall with their transaction", async () => {
    const { storage } = await open();
    await rolledBack(storage, (tx) => storage.parked.park(tx, newParked()));
    expect(await takeOne(storage)).toBeNull();
    const open1 = await hold(storage);
    await storage.parked.park(open1.tx, newParked());
    expect(await takeOne(storage)).toBeNull();
    await open1.commit();

    const again = { stage: "handle", reason: "retry", attempts: 5, dueInMs: FAR_MS, error: "x" } as const;
    await rolledBack(storage, async (tx) => {
      const row = await storage.parked.takeDue(tx, GROUP);
      await storage.parked.again(tx, row?.parkedId ?? -1, again);
    });
    await rolledBack(storage, async (tx) => {
      const row = await storage.parked.takeDue(tx, GROUP);
      await storage.parked.remove(tx, row?.parkedId ?? -1);
    });
    expect(await takeOne(storage)).toMatchObject({ attempts: 1 });
  });

  test("a message that failed again waits with what is new about it", async () => {
    const bed = await open();
    const { storage } = bed;
    await parkAll(storage, newParked());
    const first = await takeOne(storage, (tx, { parkedId }) =>
      storage.parked.again(tx, parkedId, {
        stage: "compensate",
        reason: "unknown",
        attempts: 2,
        dueInMs: 80,
        error: "worse",
      }),
    );
    expect(await takeOne(storage)).toBeNull();
    const second = await later(bed, 80, "the message to be due again", () => takeOne(storage));
    expect(second).toMatchObject({
      parkedId: first?.parkedId,
      parkedAt: first?.parkedAt,
      stage: "compensate",
      reason: "unknown",
      attempts: 2,
      error: "worse",
    });
  });

  test("a message that is being run is not given to another process", async () => {
    const { storage } = await open();
    await parkAll(storage, newParked({ envelope: newEnvelope({ key: "a" }) }));
    await parkAll(storage, newParked({ envelope: newEnvelope({ key: "b" }) }));
    const [one, two, three] = [await hold(storage), await hold(storage), await hold(storage)];
    const first = await storage.parked.takeDue(one.tx, GROUP);
    const second = await storage.parked.takeDue(two.tx, GROUP);
    expect(new Set([first?.envelope.key, second?.envelope.key])).toEqual(new Set(["a", "b"]));
    expect(await storage.parked.takeDue(three.tx, GROUP)).toBeNull();
    await one.rollback();
    expect((await storage.parked.takeDue(three.tx, GROUP))?.parkedId).toBe(first?.parkedId);
  });

  test("what waits is counted by group and reason, at most as many rows as allowed", async () => {
    const { storage } = await open();
    const keys = ["a", "b", "c"].map((key) => newEnvelope({ key }));
    await parkAll(storage, ...keys.map((envelope) => newParked({ envelope })));
    await parkAll(storage, newParked({ reason: "unknown" }));
    const step = await stepOf(storage, { park: [newParked({ group: OUTGOING, reason: "delayed" })] });
    await storage.relay.apply(await leaseOf(storage), step);
    const counts = await storage.parked.count(100);
    expect(counts).toHaveLength(3);
    expect(counts).toEqual(
      expect.arrayContaining([
        { group: GROUP, reason: "retry", count: 3 },
        { group: GROUP, reason: "unknown", count: 1 },
        { group: OUTGOING, reason: "delayed", count: 1 },
      ]),
    );
    const bounded = await storage.parked.count(2);
    expect(bounded.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  });
}

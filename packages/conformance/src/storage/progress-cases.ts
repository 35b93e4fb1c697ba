import type { RelayStep, Storage } from "@waybill/core";
import { OUTGOING } from "@waybill/core";
import { expect, test } from "vitest";
import { newDeadLetter, newEnvelope, newMessage, newParked } from "../support/messages.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { leaseOf } from "./storage-bed.ts";

/** A step that changes nothing but what it is given. */
export async function stepOf<Tx>(storage: Storage<Tx>, change: Partial<RelayStep> = {}): Promise<RelayStep> {
  const { from } = await storage.relay.load(await leaseOf(storage));
  return { from, window: null, sequences: new Map(), park: [], dead: [], parked: [], ...change };
}

export function progressCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a new outbox has no window in work and no sequences", async () => {
    const { storage } = await open();
    const progress = await storage.relay.load(await leaseOf(storage));
    expect(progress.window).toBeNull();
    expect([...progress.sequences]).toEqual([]);
  });

  test("the newest progress is loaded: cursor, window, and every sequence that ever moved", async () => {
    const { storage } = await open();
    await storage.transaction((tx) => storage.outbox.append(tx, [newMessage(), newMessage()]));
    const step = await stepOf(storage);
    const lease = await leaseOf(storage);
    const { to, now, rows } = await storage.outbox.openWindow(step.from, 10);
    const window = { from: step.from, to, now, lastRowId: rows[0]?.rowId ?? 0 };
    const sequences = new Map([
      ["a/0", 1],
      ["a/1", 5],
    ]);
    expect(await storage.relay.apply(lease, { ...step, window, sequences })).toBe(true);
    expect(await storage.relay.load(lease)).toEqual({ from: step.from, window, sequences });

    const moved = new Map([
      ["a/1", 6],
      ["b/31", 1],
    ]);
    expect(await storage.relay.apply(lease, { ...step, from: to, window: null, sequences: moved })).toBe(
      true,
    );
    const folded = new Map([
      ["a/0", 1],
      ["a/1", 6],
      ["b/31", 1],
    ]);
    expect(await storage.relay.load(lease)).toEqual({ from: to, window: null, sequences: folded });
  });

  test("a successor loads what its predecessor applied", async () => {
    const { storage } = await open();
    const step = await stepOf(storage, { sequences: new Map([["a/0", 3]]) });
    const first = await leaseOf(storage, "relay-1");
    await storage.relay.apply(first, step);
    await storage.relay.release(first);
    const { sequences } = await storage.relay.load(await leaseOf(storage, "relay-2"));
    expect([...sequences]).toEqual([["a/0", 3]]);
  });

  test("many steps leave the progress of the last one", async () => {
    const { storage } = await open();
    const step = await stepOf(storage);
    const lease = await leaseOf(storage);
    for (let next = 1; next <= 60; next += 1) {
      await storage.relay.apply(lease, { ...step, sequences: new Map([[`a/${next % 3}`, next]]) });
    }
    const { sequences } = await storage.relay.load(lease);
    expect(new Map(sequences)).toEqual(
      new Map([
        ["a/0", 60],
        ["a/1", 58],
        ["a/2", 59],
      ]),
    );
  });

  test("a step of a stale epoch changes nothing at all", async () => {
    const { storage } = await open();
    const step = await stepOf(storage, { park: [newParked({ group: OUTGOING })] });
    const old = await leaseOf(storage);
    await storage.relay.apply(old, step);
    const lease = await leaseOf(storage);
    const before = await storage.relay.load(lease);
    const { parked } = await storage.parked.dueOutgoing(10);
    const parkedId = parked[0]?.parkedId ?? -1;

    const { to } = await storage.outbox.openWindow(step.from, 10);
    const stale = await storage.relay.apply(old, {
      from: to,
      window: null,
      sequences: new Map([["a/0", 99]]),
      park: [newParked({ group: OUTGOING, envelope: newEnvelope({ key: "other" }) })],
      dead: [newDeadLetter({ group: OUTGOING })],
      parked: [{ kind: "published", parkedId }],
    });
    expect(stale).toBe(false);
    expect(await storage.relay.load(lease)).toEqual(before);
    expect((await storage.parked.dueOutgoing(10)).parked.map((row) => row.parkedId)).toEqual([parkedId]);
    expect(await storage.deadLetters.list(10)).toEqual([]);
  });

  test("a step with an empty change is applied", async () => {
    const { storage } = await open();
    const step = await stepOf(storage);
    expect(await storage.relay.apply(await leaseOf(storage), step)).toBe(true);
  });
}

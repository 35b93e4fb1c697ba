import { OUTGOING, type RelayStep } from "@waybill/core";
import { expect, test } from "vitest";
import type { StorageSuite } from "./storage-bed.ts";
import { newMessage, newParked } from "../support/messages.ts";
import { later, leaseOf } from "./storage-bed.ts";

const LONG_MS = 60_000;
const SHORT_MS = 60;

export function leaseCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("one owner at a time holds the lease, and others learn who and for how long", async () => {
    const { storage } = await open();
    const lease = await leaseOf(storage, "one", LONG_MS);
    expect(lease).toMatchObject({ owner: "one", renewedBecause: null });
    const answer = await storage.relay.acquire("two", LONG_MS);
    expect(answer).toMatchObject({ kind: "held", owner: "one", epoch: lease.epoch });
    if (answer.kind !== "held") return;
    expect(answer.expiresInMs).toBeGreaterThan(LONG_MS / 2);
    expect(answer.expiresInMs).toBeLessThanOrEqual(LONG_MS);
    expect(await storage.relay.verify(lease)).toBe(true);
  });

  test("of many that ask at once, one gets the lease", async () => {
    const { storage } = await open();
    const owners = Array.from({ length: 6 }, (_, index) => `relay-${index}`);
    const answers = await Promise.all(owners.map((owner) => storage.relay.acquire(owner, LONG_MS)));
    expect(answers.filter((answer) => answer.kind === "acquired")).toHaveLength(1);
  });

  test("an owner that takes its lease again gets a higher epoch, and the lower one is over", async () => {
    const { storage } = await open();
    const old = await leaseOf(storage, "one", LONG_MS);
    const next = await leaseOf(storage, "one", LONG_MS);
    expect(next.epoch).toBe(old.epoch + 1);
    expect(next.incarnation).toBe(old.incarnation);
    expect(await storage.relay.verify(old)).toBe(false);
    expect(await storage.relay.renew(old, LONG_MS)).toBe(false);
    expect(await storage.relay.verify(next)).toBe(true);
  });

  test("a lease that was given back is free at once, with a higher epoch", async () => {
    const { storage } = await open();
    const old = await leaseOf(storage, "one", LONG_MS);
    await storage.relay.release(old);
    expect(await storage.relay.verify(old)).toBe(false);
    const next = await leaseOf(storage, "two", LONG_MS);
    expect(next.epoch).toBeGreaterThan(old.epoch);
    expect(next.incarnation).toBe(old.incarnation);
  });

  test("giving back a lease that was lost takes nothing from its successor", async () => {
    const { storage } = await open();
    const old = await leaseOf(storage, "one", LONG_MS);
    await storage.relay.release(old);
    const next = await leaseOf(storage, "two", LONG_MS);
    await storage.relay.release(old);
    expect(await storage.relay.verify(next)).toBe(true);
    expect(await storage.relay.acquire("three", LONG_MS)).toMatchObject({ kind: "held", owner: "two" });
  });

  test("a lease that has expired is taken over, and its owner can neither renew nor verify it", async () => {
    const bed = await open();
    const { relay } = bed.storage;
    const old = await leaseOf(bed.storage, "one", SHORT_MS);
    const next = await later(bed, SHORT_MS, "the lease to expire", async () => {
      const answer = await relay.acquire("two", LONG_MS);
      return answer.kind === "acquired" && answer.lease;
    });
    expect(next.epoch).toBe(old.epoch + 1);
    expect(await relay.verify(old)).toBe(false);
    expect(await relay.renew(old, LONG_MS)).toBe(false);
    expect(await relay.verify(next)).toBe(true);
  });

  test("a lease that has expired does not verify, although nobody took it", async () => {
    const bed = await open();
    const lease = await leaseOf(bed.storage, "one", SHORT_MS);
    await later(bed, SHORT_MS, "the lease to expire", async () => !(await bed.storage.relay.verify(lease)));
  });

  test("renewing extends the lease", async () => {
    const bed = await open();
    const { relay } = bed.storage;
    const lease = await leaseOf(bed.storage, "one", 1_000);
    expect(await relay.renew(lease, LONG_MS)).toBe(true);
    bed.advance?.(2_000);
    expect(await relay.verify(lease)).toBe(true);
    const answer = await relay.acquire("two", LONG_MS);
    expect(answer.kind === "held" && answer.expiresInMs > 2_000).toBe(true);
  });

  test("a step under a lower epoch is refused", async () => {
    const { storage } = await open();
    const old = await leaseOf(storage, "one");
    const { from } = await storage.relay.load(old);
    const step: RelayStep = { from, window: null, sequences: new Map(), park: [], dead: [], parked: [] };
    expect(await storage.relay.apply(old, step)).toBe(true);
    const next = await leaseOf(storage, "one");
    expect(await storage.relay.apply(old, step)).toBe(false);
    expect(await storage.relay.apply(next, step)).toBe(true);
  });

  test("a rebase ends the lease, and the next one has a new incarnation that goes on from the persisted cursor", async () => {
    const { storage } = await open();
    const old = await leaseOf(storage, "one");
    const { from } = await storage.relay.load(old);
    await storage.transaction((tx) => storage.outbox.append(tx, [newMessage()]));
    const { to, now, rows } = await storage.outbox.openWindow(from, 10);
    const window = { from, to, now, lastRowId: rows[0]?.rowId ?? 0 };
    const park = [newParked({ group: OUTGOING, reason: "delayed" })];
    const step: RelayStep = { from, window, sequences: new Map([["a/0", 7]]), park, dead: [], parked: [] };
    expect(await storage.relay.apply(old, step)).toBe(true);
    const [parked] = (await storage.parked.dueOutgoing(10)).parked;
    const placed = { kind: "position", parkedId: parked?.parkedId ?? 0, sequence: 7 } as const;
    expect(await storage.relay.apply(old, { ...step, park: [], parked: [placed] })).toBe(true);

    await storage.relay.rebase(old, "the test says so");
    expect(await storage.relay.verify(old)).toBe(false);
    expect(await storage.relay.apply(old, step)).toBe(false);
    await storage.relay.rebase(old, "a lost lease asks for nothing");
    const next = await leaseOf(storage, "two");
    expect(next).toMatchObject({ renewedBecause: "the test says so" });
    expect(next.incarnation).not.toBe(old.incarnation);
    expect(await storage.relay.load(next)).toEqual({ from, window: null, sequences: new Map() });
    expect((await storage.parked.dueOutgoing(10)).parked[0]?.envelope.position).toBeNull();
    expect(await leaseOf(storage, "two")).toMatchObject({
      incarnation: next.incarnation,
      renewedBecause: null,
    });
  });
}

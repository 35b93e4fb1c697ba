import type { NewParked, OrderMode, Parked, ParkedChange, ParkedReason, Storage } from "@waybill/core";
import { OUTGOING } from "@waybill/core";
import { expect, test } from "vitest";
import { comparable, newDeadLetter, newEnvelope, newParked } from "../support/messages.ts";
import { stepOf } from "./progress-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { later, leaseOf } from "./storage-bed.ts";

const FAR_MS = 3_600_000;

const outgoing = (key: string | null, change: Partial<NewParked> = {}): NewParked =>
  newParked({ group: OUTGOING, envelope: newEnvelope({ key }), ...change });

const keysOf = (parked: readonly Parked[]): (string | null)[] => parked.map((row) => row.envelope.key);

async function park<Tx>(storage: Storage<Tx>, ...rows: NewParked[]): Promise<void> {
  const step = await stepOf(storage, { park: rows });
  expect(await storage.relay.apply(await leaseOf(storage), step)).toBe(true);
}

async function apply<Tx>(storage: Storage<Tx>, ...changes: ParkedChange[]): Promise<void> {
  const step = await stepOf(storage, { parked: changes });
  expect(await storage.relay.apply(await leaseOf(storage), step)).toBe(true);
}

async function due<Tx>(storage: Storage<Tx>): Promise<readonly Parked[]> {
  return (await storage.parked.dueOutgoing(100)).parked;
}

/** The one message that is due. */
async function onlyDue<Tx>(storage: Storage<Tx>): Promise<Parked> {
  const [row, ...others] = await due(storage);
  if (row === undefined || others.length > 0) throw new Error("expected one due message");
  return row;
}

const passes: readonly (readonly [ParkedReason, OrderMode, boolean])[] = [
  ["delayed", "blocking", true],
  ["retry", "blocking", false],
  ["behind", "blocking", false],
  ["unknown", "blocking", false],
  ["void", "blocking", true],
  ["delayed", "parking", true],
  ["retry", "parking", true],
  ["behind", "parking", true],
  ["unknown", "parking", true],
  ["void", "parking", true],
];

export function outgoingCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a step parks a message, and it comes back whole when it is due", async () => {
    const { storage } = await open();
    const position = { incarnation: "6f1c1f0e-7a55-4c8e-9a53-0d6b3c1f2a10", sequence: 7 };
    const envelope = newEnvelope({ position, payload: Uint8Array.of(0, 255, 10), headers: { a: "ü" } });
    const { due: _due, ...parked } = newParked({ group: OUTGOING, envelope, expiresAt: 1_900_000_000_000 });
    await park(storage, { ...parked, due: { inMs: 0 } });
    const { now } = await storage.parked.dueOutgoing(1);
    const row = await onlyDue(storage);
    expect(comparable(row.envelope)).toEqual(comparable(envelope));
    const { envelope: _envelope, ...rest } = parked;
    expect(row).toMatchObject(rest);
    expect(Math.abs(row.parkedAt - now)).toBeLessThan(10_000);
  });

  test("a message is due at its time and not before", async () => {
    const bed = await open();
    const { storage } = bed;
    await park(storage, outgoing("far", { due: { inMs: FAR_MS } }), outgoing("soon", { due: { inMs: 50 } }));
    const { now } = await storage.parked.dueOutgoing(10);
    await park(
      storage,
      outgoing("past", { due: { at: now - 1 } }),
      outgoing("never", { due: { at: now + FAR_MS } }),
    );
    const keys = await later(bed, 50, "two due messages", async () => {
      const found = keysOf(await due(storage));
      return found.length === 2 && found;
    });
    expect(keys).toEqual(["soon", "past"]);
  });

  test("due messages come in the order in which they were parked, at most as many as asked for", async () => {
    const { storage } = await open();
    const keys = ["a", "b", "c", "d"];
    await park(storage, ...keys.map((key) => outgoing(key)));
    expect(keysOf(await due(storage))).toEqual(keys);
    expect(keysOf((await storage.parked.dueOutgoing(2)).parked)).toEqual(["a", "b"]);
  });

  test("in blocking order only the first of a key is due; in parking order, and without a key, all are", async () => {
    const { storage } = await open();
    await park(
      storage,
      outgoing("k"),
      outgoing("k", { reason: "behind" }),
      outgoing("k", { reason: "behind" }),
    );
    await park(storage, outgoing("p", { order: "parking" }), outgoing("p", { order: "parking" }));
    await park(storage, outgoing(null), outgoing(null));
    expect(keysOf(await due(storage))).toEqual(["k", "p", "p", null, null]);
    const [first] = await due(storage);
    await apply(storage, { kind: "published", parkedId: first?.parkedId ?? -1 });
    const next = (await due(storage))[0];
    expect(next?.envelope.key).toBe("k");
    expect(next?.parkedId).not.toBe(first?.parkedId);
  });

  test("of delayed messages of one key that are due together, the first goes first", async () => {
    const { storage } = await open();
    await park(storage, outgoing("k", { reason: "delayed" }), outgoing("k", { reason: "delayed" }));
    expect(await due(storage)).toHaveLength(1);
  });

  test("expired messages are answered when they are due, so that the relay can give them up", async () => {
    const { storage } = await open();
    const { now } = await storage.parked.dueOutgoing(1);
    await park(storage, outgoing("k", { expiresAt: now - 1_000 }));
    expect((await onlyDue(storage)).expiresAt).toBe(now - 1_000);
  });

  test.each(passes.filter(([reason]) => reason !== "behind"))(
    "behind a %s message in %s order, later ones of its key pass: %s",
    async (reason, order, pass) => {
      const { storage } = await open();
      await park(
        storage,
        outgoing("k", { reason, order, due: { inMs: FAR_MS } }),
        outgoing("k", { reason: "behind" }),
      );
      expect(await due(storage)).toHaveLength(pass ? 1 : 0);
      const blocked = await storage.parked.blockedOutgoing();
      // The second one waits in blocking order itself, so its key is blocked either way.
      expect([...blocked]).toEqual(["thing.happened/k"]);
    },
  );

  test("a message that is behind waits for those before it, and then for no time", async () => {
    const { storage } = await open();
    await park(
      storage,
      outgoing("k"),
      outgoing("k", { reason: "behind", due: { inMs: FAR_MS } }),
      outgoing("late", { due: { inMs: FAR_MS } }),
      outgoing("late", { reason: "behind" }),
    );
    const { parkedId } = await onlyDue(storage);
    await apply(storage, { kind: "published", parkedId });
    expect(await onlyDue(storage)).toMatchObject({ reason: "behind", envelope: { key: "k" } });
  });

  test.each(passes)(
    "a key is blocked by a %s message in %s order unless later ones pass: %s",
    async (reason, order, pass) => {
      const { storage } = await open();
      await park(
        storage,
        outgoing("k", { reason, order, due: { inMs: FAR_MS } }),
        outgoing(null, { reason, order }),
      );
      expect([...(await storage.parked.blockedOutgoing())]).toEqual(pass ? [] : ["thing.happened/k"]);
    },
  );

  test("parking the same message twice changes nothing, so that a step can be repeated", async () => {
    const { storage } = await open();
    const parked = outgoing("k");
    await park(storage, parked);
    await park(storage, { ...parked, attempts: 9, due: { inMs: FAR_MS } });
    const row = await onlyDue(storage);
    expect(row.attempts).toBe(1);
    await apply(storage, { kind: "published", parkedId: row.parkedId });
    expect(await storage.parked.count(10)).toEqual([]);
  });

  test("a published message is gone, and could be parked anew", async () => {
    const { storage } = await open();
    const parked = outgoing("k");
    await park(storage, parked);
    const { parkedId } = await onlyDue(storage);
    await apply(storage, { kind: "published", parkedId });
    await apply(storage, { kind: "published", parkedId });
    expect(await due(storage)).toEqual([]);
    expect(await storage.parked.count(10)).toEqual([]);
    await park(storage, parked);
    expect((await onlyDue(storage)).parkedId).not.toBe(parkedId);
  });

  test("a delayed message keeps the position that it was given", async () => {
    const { storage } = await open();
    await park(storage, outgoing("k", { reason: "delayed" }));
    const { parkedId } = await onlyDue(storage);
    await apply(storage, { kind: "position", parkedId, sequence: 41 });
    const { incarnation } = await leaseOf(storage);
    expect((await onlyDue(storage)).envelope.position).toEqual({ incarnation, sequence: 41 });
  });

  test("a message that was refused again waits at its old place, and its key with it", async () => {
    const bed = await open();
    const { storage } = bed;
    await park(storage, outgoing("k", { reason: "delayed" }), outgoing("k", { reason: "behind" }));
    const first = (await due(storage))[0];
    const parkedId = first?.parkedId ?? -1;
    await apply(storage, { kind: "again", parkedId, attempts: 4, dueInMs: 80, error: "still refused" });
    expect(await due(storage)).toEqual([]);
    const again = await later(bed, 80, "the message to be due again", async () => (await due(storage))[0]);
    expect(again).toMatchObject({ parkedId, attempts: 4, error: "still refused", reason: "retry" });
  });

  test("a message that is given up becomes a dead letter", async () => {
    const { storage } = await open();
    await park(storage, outgoing("k"));
    const row = await onlyDue(storage);
    const letter = newDeadLetter({ group: OUTGOING, envelope: row.envelope });
    const buried = newDeadLetter({ group: OUTGOING });
    const step = await stepOf(storage, {
      dead: [buried],
      parked: [{ kind: "dead", parkedId: row.parkedId, letter }],
    });
    await storage.relay.apply(await leaseOf(storage), step);
    expect(await due(storage)).toEqual([]);
    const letters = await storage.deadLetters.list(10);
    expect(letters.map((dead) => dead.envelope.id).toSorted()).toEqual(
      [letter.envelope.id, buried.envelope.id].toSorted(),
    );
  });

  test("one step does many things at once", async () => {
    const { storage } = await open();
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
    await park(storage, ...keys.map((key) => outgoing(key)));
    const rows = await due(storage);
    const changes = rows.map(({ parkedId }, index): ParkedChange =>
      index % 2 === 0
        ? { kind: "published", parkedId }
        : { kind: "again", parkedId, attempts: index, dueInMs: 0, error: "no" },
    );
    await apply(storage, ...changes);
    expect((await due(storage)).map((row) => row.attempts)).toEqual(
      changes.flatMap((one) => (one.kind === "again" ? [one.attempts] : [])),
    );
  });

  test("messages of groups are none of the relay's", async () => {
    const { storage } = await open();
    await storage.transaction((tx) => storage.parked.park(tx, newParked()));
    expect(await due(storage)).toEqual([]);
    expect([...(await storage.parked.blockedOutgoing())]).toEqual([]);
  });
}

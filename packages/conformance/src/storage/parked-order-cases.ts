import type { NewParked, OrderMode, ParkedReason } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, later } from "./storage-bed.ts";

const FAR_MS = 3_600_000;
const GROUP = "billing";

const parkedOf = (key: string | null, change: Partial<NewParked> = {}): NewParked =>
  newParked({ envelope: newEnvelope({ key }), ...change });

const cases: readonly (readonly [ParkedReason, OrderMode, boolean])[] = [
  ["delayed", "blocking", true],
  ["retry", "blocking", false],
  ["unknown", "blocking", false],
  ["retry", "parking", true],
  ["unknown", "parking", true],
];

export function parkedOrderCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("in blocking order the messages of a key run one after the other, as they were parked", async () => {
    const { storage } = await open();
    const rows = [parkedOf("k"), parkedOf("k", { reason: "behind" }), parkedOf("k", { reason: "behind" })];
    await parkAll(storage, ...rows);
    const ran: string[] = [];
    for (const _ of rows) {
      await takeOne(storage, async (tx, row) => {
        ran.push(row.envelope.id);
        await storage.parked.remove(tx, row.parkedId);
      });
    }
    expect(ran).toEqual(rows.map((row) => row.envelope.id));
    expect(await takeOne(storage)).toBeNull();
  });

  test("the order is that of the parking, not that of the commits", async () => {
    const { storage } = await open();
    const [first, second] = [parkedOf("k"), parkedOf("k")];
    const slow = await hold(storage);
    await storage.parked.park(slow.tx, first);
    await parkAll(storage, second);
    await slow.commit();
    expect((await takeOne(storage))?.envelope.id).toBe(first.envelope.id);
  });

  test("while the first of a key is being run, the second is not due for anybody", async () => {
    const { storage } = await open();
    await parkAll(storage, parkedOf("k"), parkedOf("k", { reason: "behind" }));
    const [one, two] = [await hold(storage), await hold(storage)];
    expect(await storage.parked.takeDue(one.tx, GROUP)).not.toBeNull();
    expect(await storage.parked.takeDue(two.tx, GROUP)).toBeNull();
  });

  test("in parking order, and without a key, a message that is being run delays no other", async () => {
    const { storage } = await open();
    const order = "parking" as const;
    await parkAll(
      storage,
      parkedOf("k", { order }),
      parkedOf("k", { order }),
      parkedOf(null),
      parkedOf(null),
    );
    const taken = new Set<number>();
    for (let count = 0; count < 4; count += 1) {
      const { tx } = await hold(storage);
      const row = await storage.parked.takeDue(tx, GROUP);
      if (row !== null) taken.add(row.parkedId);
    }
    expect(taken.size).toBe(4);
  });

  test.each(cases)(
    "behind a %s message in %s order that is not due, later ones of its key pass: %s",
    async (reason, order, pass) => {
      const { storage } = await open();
      await parkAll(storage, parkedOf("k", { reason, order, due: { inMs: FAR_MS } }));
      await parkAll(storage, parkedOf("k", { order, reason: "retry" }));
      expect((await takeOne(storage)) !== null).toBe(pass);
    },
  );

  test("a message that is behind waits for those before it, and then for no time", async () => {
    const { storage } = await open();
    const far = { due: { inMs: FAR_MS } };
    const rows = [parkedOf("k"), parkedOf("k", { ...far, reason: "behind" }), parkedOf("k")];
    await parkAll(storage, ...rows);
    await parkAll(storage, parkedOf("late", far), parkedOf("late", { reason: "behind" }));
    const ran: (string | undefined)[] = [];
    for (const _ of rows) {
      const row = await takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId));
      ran.push(row?.envelope.id);
    }
    expect(ran).toEqual(rows.map((row) => row.envelope.id));
    expect(await takeOne(storage)).toBeNull();
  });

  test("a message that waits holds up its own key of its own topic in its own group only", async () => {
    const { storage } = await open();
    const far = { due: { inMs: FAR_MS } };
    await parkAll(
      storage,
      parkedOf("k", far),
      parkedOf("k", { ...far, group: "shipping" }),
      newParked({ envelope: newEnvelope({ key: "k", topic: "thing.ended" }) }),
      parkedOf("other"),
    );
    const topics: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      await takeOne(storage, async (tx, row) => {
        topics.push(`${row.envelope.topic}/${row.envelope.key}`);
        await storage.parked.remove(tx, row.parkedId);
      });
    }
    expect(topics.toSorted()).toEqual(["thing.ended/k", "thing.happened/other"]);
  });

  test("a message that failed again keeps its place before later ones of its key", async () => {
    const bed = await open();
    const { storage } = bed;
    await parkAll(storage, parkedOf("k"), parkedOf("k", { reason: "behind" }));
    const first = await takeOne(storage, (tx, { parkedId }) =>
      storage.parked.again(tx, parkedId, {
        stage: "handle",
        reason: "retry",
        attempts: 2,
        dueInMs: 80,
        error: "x",
      }),
    );
    expect(await takeOne(storage)).toBeNull();
    const next = await later(bed, 80, "the first of the key", () => takeOne(storage));
    expect(next.parkedId).toBe(first?.parkedId);
  });

  test("what is delayed and due waits behind one of its key that failed again, and so does what comes later", async () => {
    const bed = await open();
    const { storage } = bed;
    const delayed = { reason: "delayed" } as const;
    const rows = [parkedOf("k"), parkedOf("k", delayed), parkedOf("k", delayed)];
    await parkAll(
      storage,
      ...rows,
      parkedOf("k", { ...delayed, due: { inMs: FAR_MS } }),
      parkedOf("j", delayed),
    );
    const again = { stage: "handle", reason: "retry", attempts: 2, dueInMs: 80, error: "x" } as const;
    await takeOne(storage, (tx, { parkedId }) => storage.parked.again(tx, parkedId, again));
    expect((await storage.parked.count(10)).toSorted((a, b) => b.count - a.count)).toMatchObject([
      { reason: "behind", count: 2 },
      { reason: "delayed", count: 2 },
      { reason: "retry", count: 1 },
    ]);
    const ran: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      const row = await later(bed, 80, "a due message", () =>
        takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId)),
      );
      if (row.envelope.key === "k") ran.push(row.envelope.id);
    }
    expect(ran).toEqual(rows.map(({ envelope }) => envelope.id));
    expect(await takeOne(storage)).toBeNull();
  });
}

import type { NewParked, Parked, Storage } from "@waybill/core";
import { describe, expect, test } from "vitest";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, newParked, testPool } from "./support/test-storage.ts";

const GROUP = "inventory";

function parkAll(storage: Storage<PgTransaction>, ...all: NewParked[]): Promise<void> {
  return storage.transaction(async (tx) => {
    for (const parked of all) await storage.parked.park(tx, parked);
  });
}

const takeDue = (storage: Storage<PgTransaction>): Promise<Parked | null> =>
  storage.transaction((tx) => storage.parked.takeDue(tx, GROUP));

describe("parked messages", () => {
  const database = migratedDatabase();
  const open = async (): Promise<Storage<PgTransaction>> => {
    const pool = testPool(database.url);
    await pool.query("truncate waybill.parked");
    return postgresStorage({ pool });
  };

  test("a message is parked once per group, and comes back as it was", async () => {
    const storage = await open();
    const parked = newParked({
      error: "boom",
      attempts: 2,
      expiresAt: 2_000_000_000_123,
      stage: "compensate",
      order: "parking",
    });
    await parkAll(storage, parked, { ...parked, attempts: 9 }, { ...parked, group: "billing" });
    const taken = await takeDue(storage);
    expect(taken).toMatchObject({
      group: GROUP,
      envelope: parked.envelope,
      attempts: 2,
      error: "boom",
      expiresAt: 2_000_000_000_123,
      stage: "compensate",
      order: "parking",
      reason: "retry",
    });
    expect(await storage.parked.count(10)).toEqual([
      { group: "billing", reason: "retry", count: 1 },
      { group: GROUP, reason: "retry", count: 1 },
    ]);
  });

  test("behind the first of a key everything waits, and each becomes due when the one before it goes", async () => {
    const storage = await open();
    const first = newParked({ due: { inMs: 60_000 } });
    const second = newParked({ reason: "behind" });
    const third = newParked({ reason: "behind" });
    await parkAll(storage, first, second, third);
    expect(await takeDue(storage)).toBeNull();
    const id = async (of: NewParked): Promise<number> =>
      Number(
        (
          await testPool(database.url).query<{ id: string }>(
            "select id from waybill.parked where message_id = $1",
            [of.envelope.id],
          )
        ).rows[0]?.id,
      );
    const firstId = await id(first);
    await storage.transaction((tx) =>
      storage.parked.again(tx, firstId, {
        stage: "handle",
        reason: "retry",
        attempts: 2,
        dueInMs: 0,
        error: "x",
      }),
    );
    expect((await takeDue(storage))?.envelope.id).toBe(first.envelope.id);
    await storage.transaction((tx) => storage.parked.remove(tx, firstId));
    expect((await takeDue(storage))?.envelope.id).toBe(second.envelope.id);
    await storage.transaction(async (tx) => {
      const taken = await storage.parked.takeDue(tx, GROUP);
      expect(taken?.envelope.id).toBe(second.envelope.id);
      expect(await takeDue(storage)).toBeNull();
      await storage.parked.remove(tx, taken?.parkedId ?? 0);
      expect(await takeDue(storage)).toBeNull();
    });
    expect((await takeDue(storage))?.envelope.id).toBe(third.envelope.id);
  });

  test("a message parked behind one that goes at the same moment is not forgotten", async () => {
    const storage = await open();
    const first = newParked();
    const second = newParked({ reason: "behind" });
    await parkAll(storage, first);
    await storage.transaction(async (removing) => {
      const taken = await storage.parked.takeDue(removing, GROUP);
      await storage.transaction((tx) => storage.parked.park(tx, second));
      await storage.parked.remove(removing, taken?.parkedId ?? 0);
    });
    expect((await takeDue(storage))?.envelope.id).toBe(second.envelope.id);
    await storage.transaction(async (tx) =>
      storage.parked.remove(tx, (await storage.parked.takeDue(tx, GROUP))?.parkedId ?? 0),
    );
    await parkAll(storage, newParked({ reason: "behind" }));
    expect(await takeDue(storage)).not.toBeNull();
  });

  test("two processes never take the same message, nor two of one key", async () => {
    const storage = await open();
    await parkAll(
      storage,
      newParked(),
      newParked({ reason: "behind" }),
      newParked({ envelope: envelope({ key: "k2" }) }),
    );
    await storage.transaction(async (one) => {
      const first = await storage.parked.takeDue(one, GROUP);
      await storage.transaction(async (two) => {
        const second = await storage.parked.takeDue(two, GROUP);
        expect(new Set([first?.envelope.key, second?.envelope.key])).toEqual(new Set(["k1", "k2"]));
        expect(await takeDue(storage)).toBeNull();
      });
    });
  });

  test("in parking order, and without key, messages overtake", async () => {
    const storage = await open();
    await parkAll(storage, newParked({ due: { inMs: 60_000 } }), newParked({ order: "parking" }));
    expect((await takeDue(storage))?.order).toBe("parking");
    const storage2 = await open();
    await parkAll(
      storage2,
      newParked({ due: { inMs: 60_000 }, envelope: envelope({ key: null }) }),
      newParked({ envelope: envelope({ key: null }) }),
    );
    expect(await takeDue(storage2)).not.toBeNull();
  });

  test("delayed ones hold up nobody, and of those that are due the first of a key goes first", async () => {
    const storage = await open();
    const outgoing = { group: "", reason: "delayed" as const };
    const later = newParked({ ...outgoing, due: { inMs: 60_000 } });
    const b = newParked({ ...outgoing, due: { at: 2_000 } });
    const c = newParked({ ...outgoing, due: { at: 1_000 } });
    const other = newParked({ ...outgoing, due: { at: 500 }, envelope: envelope({ key: "k2" }) });
    await parkAll(storage, later, b, c, other);
    const { parked, now } = await storage.parked.dueOutgoing(10);
    expect(parked.map((one) => one.envelope.id)).toEqual([b.envelope.id, other.envelope.id]);
    expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
    expect(await storage.parked.blockedOutgoing()).toEqual(new Set());
  });

  test("looking for due ones stays quick behind a long queue", async () => {
    const storage = await open();
    const pool = testPool(database.url);
    await parkAll(storage, newParked({ group: "", due: { inMs: 600_000 } }));
    await pool.query(`insert into waybill.parked (consumer_group, message_id, source, topic, version, key, partition, headers, content_type,
      payload, created_at, reason, stage, ordering, attempts, due_at)
      select '', n::text, 's', 'order.placed', 1, 'k1', 3, '{}', 'x', '', now(), 'behind', 'handle', 'blocking', 0, 'infinity' from generate_series(1, 100000) n`);
    const startedAt = performance.now();
    for (let n = 0; n < 20; n += 1) expect((await storage.parked.dueOutgoing(100)).parked).toEqual([]);
    expect((performance.now() - startedAt) / 20).toBeLessThan(20);
  });

  test("thousands of one key that are due at once are taken quickly, also behind the first when that fails", async () => {
    const storage = await open();
    const pool = testPool(database.url);
    await pool.query(`insert into waybill.parked (consumer_group, message_id, source, topic, version, key, partition, headers, content_type,
      payload, created_at, reason, stage, ordering, attempts, due_at)
      select '${GROUP}', n::text, 's', 'order.placed', 1, 'k1', 3, '{}', 'x', '', now(), 'delayed', 'handle', 'blocking', 0, now() from generate_series(1, 20000) n`);
    const quick = async (): Promise<string | null> => {
      let taken: string | null = null;
      const startedAt = performance.now();
      for (let n = 0; n < 20; n += 1) taken = (await takeDue(storage))?.envelope.key ?? null;
      expect((performance.now() - startedAt) / 20).toBeLessThan(20);
      return taken;
    };
    expect(await quick()).toBe("k1");
    await storage.transaction(async (tx) => {
      const first = await storage.parked.takeDue(tx, GROUP);
      const again = { reason: "retry", stage: "handle", attempts: 1, dueInMs: 600_000, error: "x" } as const;
      await storage.parked.again(tx, first?.parkedId ?? 0, again);
    });
    expect(await quick()).toBeNull();
    await parkAll(storage, newParked({ envelope: envelope({ key: "k2" }) }));
    expect(await quick()).toBe("k2");
  });
});

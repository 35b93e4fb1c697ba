import type { Lease, Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { escapeIdentifier } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import {
  envelope,
  migratedDatabase,
  newMessage,
  newParked,
  send,
  step,
  testPool,
} from "./support/test-storage.ts";

async function take(storage: Storage<PgTransaction>, owner = "a", leaseMs = 60_000): Promise<Lease> {
  const answer = await storage.relay.acquire(owner, leaseMs);
  if (answer.kind !== "acquired") throw new Error(`held by ${answer.owner}`);
  onTestFinished(() => storage.relay.release(answer.lease));
  return answer.lease;
}

describe("the relay's lease and progress", () => {
  const database = migratedDatabase();

  test("one owner at a time: a standby is told whose it is, takes over when it expires, and the old epoch is dead", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const first = await take(storage, "a", 300);
    const held = await storage.relay.acquire("b", 60_000);
    expect(held).toMatchObject({
      kind: "held",
      owner: "a",
      epoch: first.epoch,
      expiresInMs: expect.any(Number) as number,
    });
    expect(await storage.relay.verify(first)).toBe(true);
    const second = await waitFor(async () => {
      const answer = await storage.relay.acquire("b", 60_000);
      return answer.kind === "acquired" && answer.lease;
    });
    onTestFinished(() => storage.relay.release(second));
    expect(second).toMatchObject({
      epoch: first.epoch + 1,
      incarnation: first.incarnation,
      renewedBecause: null,
    });
    expect(await storage.relay.verify(first)).toBe(false);
    expect(await storage.relay.renew(first, 60_000)).toBe(false);
    expect(await storage.relay.apply(first, step("9:9:", { park: [newParked({ group: "" })] }))).toBe(false);
    expect((await storage.relay.load(second)).from).toBe("1:1:");
    expect((await storage.parked.dueOutgoing(10)).parked).toEqual([]);
    expect(await storage.relay.renew(second, 60_000)).toBe(true);
  });

  test("a released lease is free at once, and its own owner may take it again", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const first = await take(storage, "a");
    const again = await take(storage, "a");
    expect(again.epoch).toBe(first.epoch + 1);
    await storage.relay.release(again);
    expect(await storage.relay.verify(again)).toBe(false);
    expect((await take(storage, "b")).epoch).toBe(again.epoch + 1);
  });

  test("an apply under way makes a takeover wait; one that comes after it is refused", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const lease = await take(storage, "a", 1);
    const pool = testPool(database.url);
    const client = await pool.connect();
    await client.query("begin");
    await client.query("select 1 from waybill.relay_lease for update");
    const applying = storage.relay.apply(lease, step("9:9:"));
    await waitFor(
      async () =>
        (
          await pool.query(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%relay_apply%'",
          )
        ).rowCount,
    );
    await client.query("update waybill.relay_lease set epoch = epoch + 1, owner = 'b'");
    await client.query("commit");
    client.release();
    expect(await applying).toBe(false);
  });

  test("the database stays the same lease holder's after its lease row was copied: a new incarnation from the start", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const pool = testPool(database.url);
    const before = await take(storage, "a");
    await storage.relay.apply(before, step("7:9:8", { sequences: new Map([["t/1", 5]]) }));
    const outgoing = { group: "", reason: "delayed" as const };
    const placed = envelope({ position: { incarnation: before.incarnation, sequence: 1 } });
    const empty = envelope({ key: null, position: { incarnation: before.incarnation, sequence: 2 } });
    await storage.relay.apply(
      before,
      step("7:9:8", {
        park: [
          newParked({ ...outgoing, envelope: placed }),
          newParked({ ...outgoing, reason: "void", envelope: empty }),
        ],
      }),
    );
    await send(storage, newMessage({ key: "foreign" }));
    await pool.query("update waybill.outbox set xid = '9000000000' where key = 'foreign'");
    await pool.query("update waybill.relay_lease set epoch = epoch");

    const after = await take(storage, "a");
    expect(after.renewedBecause).toMatch(/copied/);
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(await storage.relay.load(after)).toEqual({ from: "1:1:", window: null, sequences: new Map() });
    const { parked } = await storage.parked.dueOutgoing(10);
    expect(parked.map((one) => one.envelope)).toEqual([{ ...placed, position: null }]);
    await storage.relay.apply(
      after,
      step("1:1:", { parked: parked.map(({ parkedId }) => ({ kind: "published", parkedId })) }),
    );
    const opened = await storage.outbox.openWindow("1:1:", 100);
    expect(opened.rows.map((row) => row.envelope.key)).toContain("foreign");
    const next = await storage.outbox.openWindow(opened.to, 100);
    expect(next.rows).toEqual([]);
    expect((await take(storage, "a")).renewedBecause).toBeNull();
  });

  test("another timeline renews the incarnation and goes on from the persisted snapshot; another cluster starts anew", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const pool = testPool(database.url);
    const lease = await take(storage, "a");
    const { to } = await storage.outbox.openWindow("1:1:", 1);
    await storage.relay.apply(lease, step(to, { sequences: new Map([["t/1", 5]]) }));
    await pool.query("update waybill.relay_lease set timeline = '0000000A', xid = pg_current_xact_id()");
    const promoted = await take(storage, "a");
    expect(promoted.renewedBecause).toMatch(/timeline/);
    expect(await storage.relay.load(promoted)).toEqual({ from: to, window: null, sequences: new Map() });
    await pool.query("update waybill.relay_lease set system_identifier = 1, xid = pg_current_xact_id()");
    const elsewhere = await take(storage, "a");
    expect(elsewhere.renewedBecause).toMatch(/cluster/);
    expect((await storage.relay.load(elsewhere)).from).toBe("1:1:");
  });

  test("a logical copy, whose sequences stand behind its rows, is refused", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const pool = testPool(database.url);
    await send(storage, newMessage(), newMessage());
    await pool.query("select setval('waybill.outbox_id', 1)");
    await expect(storage.relay.acquire("a", 1_000)).rejects.toMatchObject({ code: "SCHEMA_UNSAFE" });
    await pool.query("select setval('waybill.outbox_id', (select max(id) from waybill.outbox))");
  });

  test("progress rotates: any number of steps leaves a few rows, and a successor loads the same", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const pool = testPool(database.url);
    const lease = await take(storage, "a");
    await storage.relay.load(lease);
    const count = async (): Promise<number> =>
      Number(
        (await pool.query<{ count: string }>("select count(*) from waybill.relay_progress")).rows[0]?.count,
      );
    const expected = new Map<string, number>();
    for (let n = 0; n < 1_400; n += 1) {
      expected.set(`t/${n % 7}`, n);
      await storage.relay.apply(
        lease,
        step(`${n + 5}:${n + 5}:`, { sequences: new Map([[`t/${n % 7}`, n]]) }),
      );
    }
    expect(await count()).toBeLessThan(513);
    const loaded = await postgresStorage({ pool }).relay.load(lease);
    expect(loaded).toEqual({ from: "1404:1404:", window: null, sequences: expected });
  });

  test("a stuck reader of the progress delays nothing and loses nothing", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const lease = await take(storage, "a");
    await storage.relay.load(lease);
    const reader = await testPool(database.url).connect();
    await reader.query("begin isolation level repeatable read");
    await reader.query("select count(*) from waybill.relay_progress");
    for (let n = 0; n < 1_300; n += 1) {
      await storage.relay.apply(lease, step(`${n + 5}:${n + 5}:`, { sequences: new Map([["t/1", n]]) }));
    }
    const loaded = await storage.relay.load(lease);
    expect([loaded.from, loaded.sequences.get("t/1")]).toEqual(["1304:1304:", 1_299]);
    await reader.query("commit");
    reader.release();
  });

  test("a step is on disk when it resolves, also where the database commits asynchronously", async () => {
    const pool = testPool(database.url);
    await pool.query(`alter database ${escapeIdentifier(database.name)} set synchronous_commit = off`);
    const storage = postgresStorage({ pool: testPool(database.url, 1) });
    const lease = await take(storage, "a");
    for (let n = 0; n < 20; n += 1) {
      const written = await pool.query<{ lsn: string }>("select pg_current_wal_insert_lsn() as lsn");
      await storage.relay.apply(lease, step("9:9:"));
      const flushed = await pool.query<{ flushed: boolean }>(
        "select pg_current_wal_flush_lsn() > $1::pg_lsn as flushed",
        [written.rows[0]?.lsn],
      );
      expect(flushed.rows[0]?.flushed).toBe(true);
    }
    await pool.query(`alter database ${escapeIdentifier(database.name)} reset synchronous_commit`);
  });

  test("a step parks, buries, places, retries and removes as a whole", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const lease = await take(storage, "a");
    const [one, two, three, four] = [1, 2, 3, 4].map((n) =>
      newParked({ group: "", reason: "delayed", envelope: envelope({ key: `s${n}` }) }),
    );
    if (!one || !two || !three || !four) throw new Error("four");
    const dead = {
      group: "",
      envelope: envelope(),
      attempts: 3,
      reason: "UNROUTABLE",
      error: "Error: \0 no route \ud800",
      order: "blocking" as const,
      fingerprint: "0123456789ab",
      failingSince: null,
      answered: false,
    };
    await storage.relay.apply(lease, step("9:9:", { park: [one, two, three, four], dead: [dead] }));
    const { parked } = await storage.parked.dueOutgoing(10);
    expect(parked.map((row) => row.envelope)).toEqual([one, two, three, four].map((row) => row.envelope));
    const [a, b, c, d] = parked.map((row) => row.parkedId);
    await storage.relay.apply(
      lease,
      step("9:9:", {
        parked: [
          { kind: "published", parkedId: a ?? 0 },
          { kind: "position", parkedId: b ?? 0, sequence: 41 },
          { kind: "again", parkedId: c ?? 0, attempts: 2, dueInMs: 60_000, error: "nack" },
          { kind: "dead", parkedId: d ?? 0, letter: { ...dead, envelope: four.envelope } },
        ],
      }),
    );
    const after = await storage.parked.dueOutgoing(10);
    expect(after.parked.map((row) => row.envelope)).toEqual([
      { ...two.envelope, position: { incarnation: lease.incarnation, sequence: 41 } },
    ]);
    expect([...(await storage.parked.blockedOutgoing())]).toEqual(["order.placed/s3"]);
    const letters = await storage.deadLetters.list(10);
    expect(letters.map((letter) => letter.envelope.id)).toEqual([four.envelope.id, dead.envelope.id]);
    expect(letters[0]).toMatchObject({
      group: "",
      attempts: 3,
      reason: "UNROUTABLE",
      error: "Error: \ufffd no route \ufffd",
    });
  });
});

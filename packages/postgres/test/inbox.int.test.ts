import { randomUUID } from "node:crypto";
import type { Claim, ClaimRequest, Envelope, Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { describe, expect, test } from "vitest";
import { pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, newParked, testPool } from "./support/test-storage.ts";

const GROUP = "inventory";

describe("the inbox", () => {
  const database = migratedDatabase();
  const open = (): Storage<PgTransaction> => postgresStorage({ pool: testPool(database.url) });
  const request = (received: Envelope, change: Partial<ClaimRequest> = {}): ClaimRequest => ({
    group: GROUP,
    envelope: received,
    ordered: false,
    parkedId: null,
    ...change,
  });
  const claim = (storage: Storage<PgTransaction>, asked: ClaimRequest): Promise<Claim> =>
    storage.transaction((tx) => storage.inbox.claim(tx, asked));
  const placed = (
    sequence: number,
    change: Partial<Envelope> = {},
    incarnation = randomUUID() as string,
  ): Envelope => envelope({ position: { incarnation, sequence }, ...change });
  const waitingClaims = async (): Promise<number> =>
    (
      await testPool(database.url, 1).query(
        "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%inbox_claim%'",
      )
    ).rowCount ?? 0;

  test("each group applies a message once, with a position, without one, and with a foreign id", async () => {
    const storage = open();
    for (const received of [placed(0), envelope(), envelope({ id: "not a uuid" })]) {
      expect(await claim(storage, request(received))).toBe("claimed");
      expect(await claim(storage, request(received))).toBe("duplicate");
      expect(await claim(storage, request(received, { group: "billing" }))).toBe("claimed");
    }
  });

  test("a claim that was rolled back or taken back leaves the message to be applied", async () => {
    const storage = open();
    const received = placed(0);
    const failing = storage.transaction(async (tx) => {
      await storage.inbox.claim(tx, request(received));
      throw new Error("handler");
    });
    await expect(failing).rejects.toThrow("handler");
    await storage.transaction(async (tx) => {
      expect(await storage.inbox.claim(tx, request(received))).toBe("claimed");
      await storage.inbox.unclaim(tx, GROUP, received.id);
    });
    expect(await claim(storage, request(received))).toBe("claimed");
  });

  test("a claim finds its stream also when that has another id than before", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const incarnation = randomUUID();
    const other = placed(0);
    const together = (asked: ClaimRequest[]): Promise<readonly Claim[]> =>
      storage.transaction((tx) => storage.inbox.claimMany(tx, asked));
    const rolledBack = storage.transaction(async (tx) => {
      await storage.inbox.claim(tx, request(placed(0, {}, incarnation)));
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    expect(await claim(storage, request(other))).toBe("claimed");
    const first = placed(1, {}, incarnation);
    expect(await claim(storage, request(first))).toBe("claimed");
    // As after a restore: the ids of the two streams are exchanged.
    await pool.query(`with one as (delete from waybill.inbox_stream where incarnation in ('${incarnation}',
        '${other.position?.incarnation}') returning id, incarnation, consumer_group, source, topic, partition),
      ids as (select min(id) as low, max(id) as high from one)
      insert into waybill.inbox_stream (id, consumer_group, source, incarnation, topic, partition)
      overriding system value
      select ids.low + ids.high - one.id, consumer_group, source, incarnation, topic, partition from one, ids`);
    const second = placed(2, {}, incarnation);
    const third = placed(3, {}, incarnation);
    expect(await claim(storage, request(second))).toBe("claimed");
    expect(await together([request(first), request(second), request(third)])).toEqual([
      "duplicate",
      "duplicate",
      "claimed",
    ]);
    expect(await claim(storage, request(placed(3, {}, incarnation)))).toBe("conflict");
    const { rows } = await pool.query(
      `select i.sequence::text from waybill.inbox i join waybill.inbox_stream s on s.id = i.stream_id
       where s.incarnation = $1 and i.message_id = any ($2) order by 1`,
      [incarnation, [second.id, third.id]],
    );
    expect(rows).toEqual([{ sequence: "2" }, { sequence: "3" }]);
  });

  test("a connection is kept for the next message only until the event loop goes round", async () => {
    const pool = testPool(database.url, 1);
    const storage = postgresStorage({ pool });
    const pids: unknown[] = [];
    const apply = (): Promise<void> =>
      storage.claimed(request(envelope()), async (tx) => {
        pids.push((await tx.query("select pg_backend_pid() as pid")).rows[0]?.pid);
      });
    let released = 0;
    pool.on("release", () => (released += 1));
    await apply();
    await apply();
    expect(released).toBe(0);
    const waiting = pool.query("select 1");
    const behind = apply();
    await waiting;
    await behind;
    await waitFor(() => pool.idleCount === 1);
    expect(new Set(pids).size).toBe(1);
  });

  test("a handler that swallows the error of a statement is undone, and its transaction goes on", async () => {
    const storage = open();
    // Twice, because a connection opens in one round trip from the second time on.
    for (let round = 0; round < 2; round += 1) {
      const asked = request(envelope());
      await storage.claimed(asked, async (tx) => {
        const handled = storage.savepoint(tx, async (inner) => {
          await inner.query("select 1 / 0").catch(() => undefined);
        });
        await expect(handled).rejects.toThrow("current transaction is aborted");
        await storage.inbox.unclaim(tx, GROUP, asked.envelope.id);
      });
      expect(await claim(storage, asked)).toBe("claimed");
    }
  });

  test("a first statement that the server refuses leaves a connection that serves others", async () => {
    const storage = postgresStorage({ pool: testPool(database.url, 1) });
    const asked = request(placed(0));
    for (const expected of ["claimed", "duplicate"])
      expect(await storage.claimed(asked, (_tx, answer) => Promise.resolve(answer))).toBe(expected);
    const wrong = request(placed(0, { partition: 2 ** 40 }));
    await expect(storage.claimed(wrong, () => Promise.resolve())).rejects.toMatchObject({
      code: "STORAGE_FAILED",
    });
    expect(await claim(storage, asked)).toBe("duplicate");
  });

  test("the second of two concurrent claims waits: it is the duplicate if the first commits, and runs if it fails", async () => {
    const storage = open();
    for (const end of ["commit", "rollback"]) {
      const received = placed(0);
      const client = await testPool(database.url).connect();
      await client.query("begin");
      expect(await storage.inbox.claim(pgTransaction(client), request(received))).toBe("claimed");
      const second = claim(storage, request(received));
      await waitFor(async () => (await waitingClaims()) === 1);
      await client.query(end);
      client.release();
      expect(await second).toBe(end === "commit" ? "duplicate" : "claimed");
    }
  });

  test("a claim during a fold of the same message is a duplicate", async () => {
    const storage = open();
    const received = placed(0);
    expect(await claim(storage, request(received))).toBe("claimed");
    const folder = await testPool(database.url).connect();
    await folder.query("begin");
    await folder.query(
      `with gone as (delete from waybill.inbox where message_id = $1 returning stream_id, sequence)
      update waybill.inbox_stream s set applied = applied + int8multirange(int8range(gone.sequence, gone.sequence + 1)) from gone where s.id = gone.stream_id`,
      [received.id],
    );
    const second = claim(storage, request(received));
    await waitFor(async () => (await waitingClaims()) === 1);
    await folder.query("commit");
    folder.release();
    expect(await second).toBe("duplicate");
  });

  test("claims and folds that run all the time let no duplicate through", async () => {
    const storage = open();
    const incarnation = randomUUID();
    const all = Array.from({ length: 150 }, (_, sequence) => placed(sequence, {}, incarnation));
    const claiming = new AbortController();
    const folding = (async () => {
      while (!claiming.signal.aborted) await storage.inbox.fold(0, 7);
    })();
    const consumers = Array.from({ length: 4 }, async () => {
      let claimed = 0;
      for (const received of [...all, ...all])
        if ((await claim(storage, request(received))) === "claimed") claimed += 1;
      return claimed;
    });
    const counts = await Promise.all(consumers);
    claiming.abort();
    await folding;
    expect(counts.reduce((sum, count) => sum + count)).toBe(all.length);
    while ((await storage.inbox.fold(0, 1_000)) > 0);
    const { rows } = await testPool(database.url).query<{ applied: string }>(
      "select applied::text from waybill.inbox_stream where incarnation = $1",
      [incarnation],
    );
    expect(rows).toEqual([{ applied: "{[0,150)}" }]);
  });

  test("under repeatable read a fold in between is an error, never a second application", async () => {
    const storage = open();
    const received = placed(0);
    await claim(storage, request(received));
    const client = await testPool(database.url).connect();
    await client.query("begin isolation level repeatable read");
    await client.query("select 1");
    expect(await storage.inbox.fold(0, 100)).toBeGreaterThan(0);
    const late = storage.inbox.claim(pgTransaction(client), request(received));
    await expect(late).rejects.toMatchObject({ code: "TRANSACTION_CONFLICT", cause: { code: "40001" } });
    await client.query("rollback");
    client.release();
  });

  test("fold leaves what is younger, and is bounded", async () => {
    const storage = open();
    while ((await storage.inbox.fold(0, 1_000)) > 0);
    const incarnation = randomUUID();
    for (let sequence = 0; sequence < 5; sequence += 1)
      await claim(storage, request(placed(sequence, {}, incarnation)));
    expect(await storage.inbox.fold(60_000, 100)).toBe(0);
    expect(await storage.inbox.fold(0, 3)).toBe(3);
    expect(await storage.inbox.fold(0, 3)).toBe(2);
  });

  test("a known position with another message id is a conflict, claimed by its id", async () => {
    const storage = open();
    const first = placed(7);
    const second = envelope({ position: first.position });
    expect(await claim(storage, request(first))).toBe("claimed");
    expect(await claim(storage, request(second))).toBe("conflict");
    expect(await claim(storage, request(second))).toBe("duplicate");
  });

  test("a parked message, and one behind it, are told apart; the one that is run from there may run", async () => {
    const storage = open();
    const parked = newParked({ envelope: placed(0, { key: "waits" }) });
    await storage.transaction((tx) => storage.parked.park(tx, parked));
    const later = placed(1, { key: "waits" });
    expect(await claim(storage, request(parked.envelope, { ordered: true }))).toBe("parked");
    expect(await claim(storage, request(later, { ordered: true }))).toBe("behind");
    expect(await claim(storage, request(later, { ordered: true, group: "billing" }))).toBe("claimed");
    expect(await claim(storage, request(placed(2, { key: "other" }), { ordered: true }))).toBe("claimed");
    await storage.transaction(async (tx) => {
      const taken = await storage.parked.takeDue(tx, GROUP);
      const running = request(parked.envelope, { ordered: true, parkedId: taken?.parkedId ?? null });
      expect(await storage.inbox.claim(tx, running)).toBe("claimed");
      await storage.parked.remove(tx, taken?.parkedId ?? 0);
    });
    expect(await claim(storage, request(parked.envelope, { ordered: true }))).toBe("duplicate");
    expect(await claim(storage, request(later, { ordered: true }))).toBe("claimed");
    expect(await claim(storage, request(later))).toBe("duplicate");
  });

  test("in order, a later message of a key waits for the one that is being handled, and slips past nothing", async () => {
    const storage = open();
    const incarnation = randomUUID();
    const first = placed(0, { key: "slip" }, incarnation);
    const second = placed(1, { key: "slip" }, incarnation);
    const client = await testPool(database.url).connect();
    await client.query("begin");
    const tx = pgTransaction(client);
    expect(await storage.inbox.claim(tx, request(first, { ordered: true }))).toBe("claimed");
    const waiting = claim(storage, request(second, { ordered: true }));
    await waitFor(async () => (await waitingClaims()) === 1);
    await storage.inbox.unclaim(tx, GROUP, first.id);
    await storage.parked.park(tx, newParked({ envelope: first }));
    await client.query("commit");
    client.release();
    expect(await waiting).toBe("behind");
  });
});

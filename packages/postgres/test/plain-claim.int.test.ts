import { randomUUID } from "node:crypto";
import type { Claim, ClaimRequest, Envelope, Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Pool } from "pg";
import { expect, test } from "vitest";
import { pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, newParked, testPool } from "./support/test-storage.ts";

const GROUP = "inventory";

const database = migratedDatabase();

interface Stream {
  readonly pool: Pool;
  readonly storage: Storage<PgTransaction>;
  readonly incarnation: string;
  /** A message at this place of the stream. */
  readonly at: (sequence: number, change?: Partial<Envelope>) => Envelope;
  /** Claims in a transaction that begins with it, and commits. */
  readonly claim: (received: Envelope, change?: Partial<ClaimRequest>) => Promise<Claim>;
}

/** A stream of which one message was claimed, so that its id is known. */
async function knownStream(connections = 8): Promise<Stream> {
  const pool = testPool(database.url, connections);
  const storage = postgresStorage({ pool });
  const incarnation = randomUUID();
  const stream: Stream = {
    pool,
    storage,
    incarnation,
    at: (sequence, change = {}) => envelope({ position: { incarnation, sequence }, ...change }),
    claim: (received, change = {}) =>
      storage.claimed(
        { group: GROUP, envelope: received, ordered: true, parkedId: null, ...change },
        (_tx, answer) => Promise.resolve(answer),
      ),
  };
  expect(await stream.claim(stream.at(0))).toBe("claimed");
  return stream;
}

/** How often the session of a pool of one ran what contains `part`. */
async function runs(pool: Pool, part: string): Promise<number> {
  const { rows } = await pool.query<{ runs: number }>(
    `select coalesce(sum(generic_plans + custom_plans), 0)::integer as runs from pg_prepared_statements
     where statement like $1`,
    [`%${part}%`],
  );
  return rows[0]?.runs ?? 0;
}

const INSERT = "insert into%inbox (consumer_group";

/** Sessions that wait for a lock in what contains `part`. */
const waiting = async (part: string): Promise<number> =>
  (
    await testPool(database.url, 1).query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like $1",
      [`%${part}%`],
    )
  ).rowCount ?? 0;

test("of a stream that is known, plain statements claim, and say what the function says", async () => {
  const { pool, claim, at } = await knownStream(1);
  const before = await runs(pool, "inbox_claim(");
  const all = Array.from({ length: 20 }, (_, index) => at(index + 1, { key: index % 2 === 0 ? "k" : null }));
  for (const received of all) expect(await claim(received)).toBe("claimed");
  expect(await runs(pool, "inbox_claim(")).toBe(before);
  expect(await runs(pool, INSERT)).toBe(20);
  for (const received of all) expect(await claim(received)).toBe("duplicate");
  expect(await claim(at(5))).toBe("conflict");
  expect(await claim(at(21), { group: "billing" })).toBe("claimed");
  expect(await runs(pool, "inbox_claim(")).toBe(before + 22);
});

test("what is folded already, or is being folded, is a duplicate", async () => {
  const { pool, storage, claim, at } = await knownStream();
  const folded = at(1);
  expect(await claim(folded)).toBe("claimed");
  while ((await storage.inbox.fold(0, 1_000)) > 0);
  expect(await claim(folded)).toBe("duplicate");
  const received = at(2);
  expect(await claim(received)).toBe("claimed");
  const folder = await pool.connect();
  await folder.query("begin");
  await folder.query(
    `with gone as (delete from waybill.inbox where message_id = $1 returning stream_id, sequence)
    update waybill.inbox_stream s set applied = applied + int8multirange(int8range(gone.sequence, gone.sequence + 1)) from gone where s.id = gone.stream_id`,
    [received.id],
  );
  const second = claim(received);
  await waitFor(async () => (await waiting(INSERT)) === 1);
  await folder.query("commit");
  folder.release();
  expect(await second).toBe("duplicate");
});

test("claims and folds that run all the time let no duplicate through", async () => {
  const { storage, claim, at } = await knownStream();
  const all = Array.from({ length: 150 }, (_, index) => at(index + 1));
  const claiming = new AbortController();
  const folding = (async () => {
    while (!claiming.signal.aborted) await storage.inbox.fold(0, 7);
  })();
  const consumers = Array.from({ length: 4 }, async () => {
    let claimed = 0;
    for (const received of [...all, ...all]) if ((await claim(received)) === "claimed") claimed += 1;
    return claimed;
  });
  const counts = await Promise.all(consumers).finally(() => claiming.abort());
  await folding;
  expect(counts.reduce((sum, count) => sum + count)).toBe(all.length);
});

test("a later message of a key waits for the one that is being handled, and slips past nothing", async () => {
  const { pool, storage, claim, at } = await knownStream();
  const first = at(1, { key: "slip" });
  const client = await pool.connect();
  await client.query("begin");
  const tx = pgTransaction(client);
  const request = { group: GROUP, envelope: first, ordered: true, parkedId: null };
  expect(await storage.inbox.claim(tx, request)).toBe("claimed");
  const second = claim(at(2, { key: "slip" }));
  await waitFor(async () => (await waiting("pg_advisory_xact_lock")) === 1);
  await storage.inbox.unclaim(tx, GROUP, first.id);
  await storage.parked.park(tx, newParked({ envelope: first }));
  await client.query("commit");
  client.release();
  expect(await second).toBe("behind");
  await pool.query("delete from waybill.parked");
});

test("while a group has parked something the function claims; later plain statements do again", async () => {
  const { pool, storage, claim, at } = await knownStream(1);
  const parked = newParked({ envelope: at(1, { key: "waits" }) });
  await storage.transaction((tx) => storage.parked.park(tx, parked));
  expect(await claim(parked.envelope)).toBe("parked");
  expect(await claim(at(2, { key: "waits" }))).toBe("behind");
  expect(await claim(at(3, { key: "other" }))).toBe("claimed");
  expect(await runs(pool, INSERT)).toBe(1);
  await pool.query("delete from waybill.parked");
  for (let sequence = 4; sequence < 70; sequence += 1) expect(await claim(at(sequence))).toBe("claimed");
  const byFunction = await runs(pool, "inbox_claim(");
  expect(await claim(at(70, { key: "waits" }))).toBe("claimed");
  expect(await runs(pool, "inbox_claim(")).toBe(byFunction);
});

test("a stream that has another id than before is found, and nothing is left under the old one", async () => {
  const { pool, claim, at, incarnation } = await knownStream();
  const { rows } = await pool.query<{ id: string }>(
    `with one as (delete from waybill.inbox_stream where incarnation = $1
       returning incarnation, consumer_group, source, topic, partition)
     insert into waybill.inbox_stream (consumer_group, source, incarnation, topic, partition)
     select consumer_group, source, incarnation, topic, partition from one returning id`,
    [incarnation],
  );
  for (const sequence of [1, 2]) {
    const received = at(sequence);
    expect(await claim(received)).toBe("claimed");
    const found = await pool.query("select stream_id as id from waybill.inbox where message_id = $1", [
      received.id,
    ]);
    expect(found.rows).toEqual(rows);
  }
});

test("in the savepoint behind a claim that the function had to make, a failure takes the claim not along", async () => {
  const { storage, at, claim } = await knownStream();
  const first = at(1);
  expect(await claim(first)).toBe("claimed");
  const copy = at(1);
  const request = { group: GROUP, envelope: copy, ordered: true, parkedId: null };
  await storage.claimed(request, async (tx, answer) => {
    expect(answer).toBe("conflict");
    const failing = storage.savepoint(tx, () => Promise.reject(new Error("handler")));
    await expect(failing).rejects.toThrow("handler");
  });
  expect(await claim(copy)).toBe("duplicate");
});

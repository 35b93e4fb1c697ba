import { createRelay, systemClock, type Relay } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import type { PoolClient } from "pg";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { Noted } from "../src/index.ts";
import { recordingBroker, type RecordingBroker } from "../src/recording-broker.ts";
import { stoppingPool } from "../src/stopping-pool.ts";
import { preparedDatabase } from "./prepared-database.ts";
import { retentionBed, type RetentionBed } from "./retention-bed.ts";

const LEAF_SECONDS = 2;
const { pool, database } = preparedDatabase({ leafSeconds: LEAF_SECONDS });

beforeEach(() => pool().query("truncate waybill.outbox"));

interface Relaying {
  readonly relay: Relay;
  readonly broker: RecordingBroker;
}

async function relaying(minuteMs = 60_000): Promise<Relaying> {
  const broker = recordingBroker();
  const storage = postgresStorage({ pool: pool() });
  const clock = { ...systemClock, monotonicMs: () => (systemClock.monotonicMs() * 60_000) / minuteMs };
  const relay = createRelay({ source: "notes", storage, broker, clock, options: { leaseMs: 60_000 } });
  onTestFinished(() => relay.stop());
  await relay.lead();
  return { relay, broker };
}

async function send(the: RetentionBed, no: number): Promise<string> {
  return inTransaction(pool(), async (tx) => (await the.waybill.send(tx, Noted, { key: "k", no })).id);
}

async function published({ broker }: Relaying, id: string): Promise<void> {
  await waitFor(() => broker.published.some((envelope) => envelope.id === id), { describe: "the message" });
}

/** A transaction that begins now, and so writes into the leaf of now however late it does. */
async function openTransaction(): Promise<PoolClient> {
  const client = await pool().connect();
  onTestFinished(() => client.release(true));
  await client.query("begin");
  return client;
}

const LATE = `insert into waybill.outbox (topic, version, partition, message_id, headers, content_type, payload)
  values ('note.taken', 1, 0, gen_random_uuid(), '{}', 'application/json', '{"key":"k","no":9}') returning message_id as id`;

async function insertLate(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ id: string }>(LATE);
  return rows[0]?.id ?? "";
}

async function waitsForLock(text: string): Promise<void> {
  const waiting = async (): Promise<boolean> => {
    const found = await pool().query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like $1",
      [`%${text}%`],
    );
    return found.rows.length > 0;
  };
  await waitFor(waiting, { intervalMs: 5, describe: "somebody to wait for the lock" });
}

test.each([
  ["judges", "^select exists .*outbox_"],
  ["truncates", "^truncate .*outbox_"],
])(
  "an INSERT that comes after purge locked the leaf and before it %s waits, and its row is not lost",
  async (_then, statement) => {
    const the = await retentionBed(pool(), LEAF_SECONDS);
    const relay = await relaying();
    await the.turned(1);
    const late = await openTransaction();
    await published(relay, await send(the, 1));
    const [leaf] = await the.leaves();
    await the.turned(2);
    const stopping = stoppingPool({ connectionString: database.url });
    onTestFinished(() => stopping.pool.end());
    const stop = stopping.stopBefore(new RegExp(`${statement}${leaf}\\b`));
    onTestFinished(stop.go);
    const purging = postgresStorage({ pool: stopping.pool }).outbox.purge(0);
    await stop.reached;
    const inserting = insertLate(late);
    await waitsForLock("insert into waybill.outbox");
    stop.go();
    expect(await purging).toBe(1);
    const id = await inserting;
    await late.query("commit");
    await published(relay, id);
  },
);

test("a row whose transaction commits while purge waits for the leaf is not freed before the cursor has passed it", async () => {
  const the = await retentionBed(pool(), LEAF_SECONDS);
  const relay = await relaying();
  await the.turned(1);
  const late = await openTransaction();
  const id = await insertLate(late);
  // The persisted snapshot is newer than the late transaction, and names it as running.
  await published(relay, await send(the, 1));
  await the.turned(2);
  expect(await the.storage.outbox.purge(0), "while it is open").toBe(0);
  // Whether its lock or the purge's patience ends first: the row is there.
  const hold = relay.broker.hold();
  const purging = the.storage.outbox.purge(0);
  await late.query("commit");
  expect(await purging).toBe(0);
  await waitFor(() => relay.broker.held > 0, { describe: "the late row on its way" });
  expect(await the.storage.outbox.purge(0), "read, and not confirmed").toBe(0);
  expect(await the.leaves()).toHaveLength(1);
  hold();
  await published(relay, id);
  await waitFor(async () => (await the.storage.outbox.purge(0)) === 1, { describe: "the leaf freed" });
});

test("what was read and published, but is not in the persisted cursor, is not freed", async () => {
  const the = await retentionBed(pool(), LEAF_SECONDS);
  await send(the, 1);
  await the.turned(2);
  const answer = await the.storage.relay.acquire("by hand", 60_000);
  if (answer.kind !== "acquired") throw new Error("held");
  onTestFinished(() => the.storage.relay.release(answer.lease));
  const { from } = await the.storage.relay.load(answer.lease);
  const { to, now, rows } = await the.storage.outbox.openWindow(from, 10);
  expect(rows.length).toBeGreaterThan(0);
  const step = { from, window: null, sequences: new Map(), park: [], dead: [], parked: [] };
  expect(await the.storage.outbox.purge(0), "read").toBe(0);
  const window = { from, to, now, lastRowId: rows.at(-1)?.rowId ?? 0 };
  await the.storage.relay.apply(answer.lease, { ...step, window });
  expect(await the.storage.outbox.purge(0), "in a window that is being published").toBe(0);
  await the.storage.relay.apply(answer.lease, { ...step, from: to });
  expect(await the.storage.outbox.purge(0), "settled").toBe(1);
});

test("an idle relay makes its cursor durable, although nothing is sent", async () => {
  const the = await retentionBed(pool(), LEAF_SECONDS);
  const relay = await relaying(500); // A minute of its clock is half a second.
  await published(relay, await send(the, 1));
  const xmax = async (): Promise<number> => {
    const { rows } = await pool().query<{ xmax: string }>(
      "select pg_snapshot_xmax(from_snapshot) as xmax from waybill.relay_progress order by id desc limit 1",
    );
    return Number(rows[0]?.xmax);
  };
  const { rows } = await pool().query<{ xid: string }>("select pg_current_xact_id() as xid");
  await waitFor(async () => (await xmax()) > Number(rows[0]?.xid), {
    describe: "the cursor to pass an idle time",
  });
});

import type { NativeBrokerEvent } from "@waybill/broker";
import { createDatabase, startPostgres, type PostgresServer } from "@waybill/services";
import type { Pool } from "pg";
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { copyRows } from "../src/copy-rows.ts";
import {
  appliedOnce,
  brokerOf,
  countOf,
  ledger,
  notes,
  prepare,
  reasons,
  send,
  testPool,
} from "./history-bed.ts";

const XIDS = 20_000;
const COPIED = ["waybill", "public"];

let fresh: PostgresServer;
beforeAll(async () => {
  fresh = await startPostgres({ embedded: true, fsync: false });
});
afterAll(() => fresh.stop());

async function database(server: { readonly url: string }, source: string): Promise<Pool> {
  const made = await createDatabase(server);
  onTestFinished(() => made.drop());
  const pool = testPool(made.url);
  await prepare(pool, source);
  return pool;
}

/** As if the server had been in use for long. */
async function useXids(pool: Pool): Promise<void> {
  await pool.query(`create unlogged table used (n integer);
    do $$ begin for n in 1..${XIDS} loop begin insert into used values (n); exception when others then null; end; end loop; end $$;
    drop table used`);
}

/** The rows that were copied name transactions which this cluster has not reached. */
async function expectForeignXids(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ foreign: boolean }>(
    "select max(xid) > pg_snapshot_xmax(pg_current_snapshot()) as foreign from waybill.outbox",
  );
  expect(rows).toEqual([{ foreign: true }]);
}

test("a dump restored into a new cluster, inboxes included: all of it is sent again with an alarm, nothing is skipped or applied twice", async () => {
  const brokerEvents: NativeBrokerEvent[] = [];
  const broker = brokerOf(brokerEvents);
  const before = await database({ url: inject("postgresUrl") }, "notes");
  await useXids(before);
  const old = notes(before, broker, true);
  await old.waybill.start();
  const settled = await send(before, old, 80);
  await appliedOnce(before, settled);
  await old.waybill.stop();
  const unsent = await send(before, old, 30);

  const after = await database(fresh, "notes");
  await copyRows(before, after, COPIED);
  await expectForeignXids(after);
  const restored = notes(after, broker, true);
  await restored.waybill.start();
  await appliedOnce(after, [...settled, ...unsent]);
  expect(reasons(restored)).toEqual(["another database cluster: the system identifier differs"]);
  expect(restored.events.find(({ type }) => type === "relay.incarnation")).toMatchObject({ level: "error" });
  const news = await send(after, restored, 50);
  await appliedOnce(after, [...settled, ...unsent, ...news]);
  expect(countOf(restored.events, "message.duplicate")).toBeGreaterThanOrEqual(settled.length);
  expect(countOf([...restored.events, ...brokerEvents], "message.conflict")).toBe(0);
  expect(countOf(brokerEvents, "broker.position-reused")).toBe(0);
});

test("a dump restored while broker and consumer did not go back: what they know is recognised, and nothing new is taken for it", async () => {
  const brokerEvents: NativeBrokerEvent[] = [];
  const broker = brokerOf(brokerEvents);
  const shared = { url: inject("postgresUrl") };
  const effects = await database(shared, "ledger");
  const applying = ledger(effects, broker);
  await applying.waybill.start({ relay: false });
  const before = await database(shared, "notes");
  await useXids(before);
  const old = notes(before, broker);
  await old.waybill.start();
  const settled = await send(before, old, 60);
  await appliedOnce(effects, settled);
  const after = await database(fresh, "notes");
  await copyRows(before, after, COPIED);
  const lostWithTheDatabase = await send(before, old, 60);
  await appliedOnce(effects, [...settled, ...lostWithTheDatabase]);
  await old.waybill.stop();

  await expectForeignXids(after);
  const restored = notes(after, broker);
  const sentBeforeTheRelay = await send(after, restored, 30);
  await restored.waybill.start();
  const news = [...sentBeforeTheRelay, ...(await send(after, restored, 60))];
  await appliedOnce(effects, [...settled, ...lostWithTheDatabase, ...news]);
  expect(reasons(restored)).toHaveLength(1);
  expect(countOf(applying.events, "message.duplicate")).toBe(settled.length);
  expect(countOf(applying.events, "message.conflict")).toBe(0);
  expect(countOf(brokerEvents, "broker.position-reused")).toBe(0);
});

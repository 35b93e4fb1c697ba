import type { NativeBrokerEvent } from "@waybill/broker";
import type { Broker } from "@waybill/core";
import { rebase } from "@waybill/postgres";
import { backUpPostgres, startPostgres, type PostgresServer } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import type { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  appliedOnce,
  brokerOf,
  countOf,
  ledgerElsewhere,
  notes,
  prepare,
  reasons,
  send,
  testPool,
  type Service,
} from "./history-bed.ts";

/** Over seven keys: every new note gets a position that one of the lost ones had. */
const LOST = 63;
const NEW = 56;

interface Restored {
  readonly pool: Pool;
  readonly broker: Broker;
  readonly brokerEvents: readonly NativeBrokerEvent[];
  readonly effects: Pool;
  readonly applying: Service;
  /** Notes that were applied before the database went back: some of them are not in it any more. */
  readonly applied: readonly number[];
}

/** The database of `notes` as its data directory was before the last notes; broker and consumer know those. */
async function wentBack(takeovers: number): Promise<Restored> {
  const brokerEvents: NativeBrokerEvent[] = [];
  const broker = brokerOf(brokerEvents);
  const { effects, applying } = await ledgerElsewhere(broker);

  const server = await startedServer();
  const before = testPool(server.url);
  await prepare(before, "notes");
  let old = notes(before, broker);
  await old.waybill.start();
  const applied = await send(before, old, 60);
  await appliedOnce(effects, applied);
  const backup = await backUpPostgres(server, `${testFolder()}/backup`);
  applied.push(...(await send(before, old, LOST)));
  await appliedOnce(effects, applied);
  for (let n = 0; n < takeovers; n += 1) {
    await old.waybill.stop();
    old = notes(before, broker);
    await old.waybill.start();
  }
  await old.waybill.stop();
  await server.stop();

  const restored = await startedServer({ from: backup });
  return { pool: testPool(restored.url), broker, brokerEvents, effects, applying, applied };
}

async function startedServer(options: Parameters<typeof startPostgres>[0] = {}): Promise<PostgresServer> {
  const server = await startPostgres({ embedded: true, fsync: false, ...options });
  onTestFinished(() => server.stop());
  return server;
}

test("after a restore and a rebase nothing is skipped, and nothing new is taken for something old", async () => {
  const the = await wentBack(0);
  const unsent = await send(the.pool, notes(the.pool, the.broker), 20);
  await rebase({ pool: the.pool }, { source: "notes" });
  const relaying = notes(the.pool, the.broker);
  await relaying.waybill.start();
  const news = [...unsent, ...(await send(the.pool, relaying, 60))];
  await appliedOnce(the.effects, [...the.applied, ...news]);
  expect(reasons(relaying)).toEqual(["waybill rebase was run"]);
  expect(countOf(the.applying.events, "message.conflict")).toBe(0);
  expect(countOf(the.brokerEvents, "broker.position-reused")).toBe(0);
});

test("without a rebase broker and inbox notice positions that come again with other messages: delivered, with alarms", async () => {
  const the = await wentBack(0);
  const relaying = notes(the.pool, the.broker);
  await relaying.waybill.start();
  const news = await send(the.pool, relaying, NEW);
  await appliedOnce(the.effects, [...the.applied, ...news]);
  expect(reasons(relaying)).toEqual([]);
  expect(countOf(the.brokerEvents, "broker.position-reused")).toBe(news.length);
  expect(countOf(the.applying.events, "message.conflict")).toBe(news.length);
});

test("without a rebase, when the broker knows epochs that the database has not reached: noticed at once, a new incarnation", async () => {
  const the = await wentBack(3);
  const relaying = notes(the.pool, the.broker);
  await relaying.waybill.start();
  const news = await send(the.pool, relaying, NEW);
  await appliedOnce(the.effects, [...the.applied, ...news]);
  expect(reasons(relaying)).toEqual([expect.stringMatching(/higher epoch.*earlier state/)]);
  expect(countOf(the.applying.events, "message.conflict")).toBe(0);
  expect(countOf(the.brokerEvents, "broker.position-reused")).toBe(0);
});

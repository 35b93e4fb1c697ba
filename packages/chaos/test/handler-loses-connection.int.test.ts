import { createWaybill, fixed, memoryBroker, type Storage, type WaybillEvent } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  Noted,
  runIn,
  seeded,
  tcpProxy,
  writeNotes,
  type TcpProxy,
} from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 60;
const { database, pool: direct } = preparedDatabase();

/**
 * Every fifth handler loses its connection the first time, in a statement of its own, and so does every fourth BEGIN.
 */
async function handle<Tx extends PgTransaction | Knex.Transaction>(
  proxy: TcpProxy,
  storage: Storage<Tx>,
): Promise<void> {
  await direct().query("truncate counter, noted, effect, total, waybill.parked, waybill.dead_letter");
  const events: WaybillEvent[] = [];
  const attempts = new Set<number>();
  const lost = new Set<string>();
  await using waybill = createWaybill({
    source: "notes",
    storage,
    broker: memoryBroker(),
    consumer: { pauseMaxMs: 20 },
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(
    Noted,
    async (note, { tx, attempt, message }) => {
      attempts.add(attempt);
      await applyNote(tx, note);
      if (note.no % 5 !== 0 || lost.has(message.id)) return;
      lost.add(message.id);
      await runIn(tx, "select pg_terminate_backend(pg_backend_pid())");
    },
    { retry: fixed({ everyMs: 10, attempts: 1 }) },
  );
  await waybill.start();
  let begun = 0;
  proxy.onStatement("begin", () => {
    begun += 1;
    return begun % 4 === 0 ? "before" : "none";
  });
  await writeNotes({ pool: direct(), waybill: sender(), keys: 3, chance: seeded(1), rollbacks: 0 }, 2, NOTES);
  await waitFor(async () => (await audit(direct())).lost === 0, { describe: "every effect" });
  expect(await audit(direct())).toEqual(flawless(NOTES));
  expect(lost.size).toBeGreaterThan(5);
  expect([...attempts], "attempts that handlers saw").toEqual([1]);
  expect(events.filter(({ type }) => type === "message.parked" || type === "message.dead")).toEqual([]);
  const waiting = events.flatMap((event) => (event.type === "consumer.waiting" ? [event.error] : []));
  expect(new Set(waiting.map((error) => (error as { code?: string }).code))).toEqual(
    new Set(["STORAGE_UNAVAILABLE"]),
  );
  proxy.onStatement("begin", () => "none");
  await waybill.stop();
}

async function proxied(): Promise<TcpProxy> {
  const proxy = await tcpProxy(database.url);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

function sender(): ReturnType<typeof createWaybill<PgTransaction>> {
  return createWaybill({ source: "notes", storage: postgresStorage({ pool: direct() }) });
}

test("pg: a handler whose connection is lost is run again, and no attempt is used up", async () => {
  const proxy = await proxied();
  const pool = new Pool({ connectionString: proxy.url, max: 6 });
  onTestFinished(() => pool.end());
  await handle<PgTransaction>(proxy, postgresStorage({ pool }));
});

test("knex: a handler whose connection is lost is run again, and no attempt is used up", async () => {
  const proxy = await proxied();
  const log = { warn: () => undefined, error: () => undefined };
  const knex = makeKnex({ client: "pg", connection: proxy.url, pool: { min: 0, max: 6 }, log });
  onTestFinished(() => knex.destroy());
  await handle<Knex.Transaction>(proxy, postgresStorage({ knex }));
});

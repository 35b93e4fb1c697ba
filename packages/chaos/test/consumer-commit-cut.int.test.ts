import { createWaybill, memoryBroker, type Storage, type WaybillEvent } from "@waybill/core";
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
  seeded,
  tcpProxy,
  writeNotes,
  type StatementFault,
  type TcpProxy,
} from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 200;
const { database, pool: direct } = preparedDatabase();

/** A consumer that loses its connection at every third COMMIT or so, before or after the server executed it. */
async function consume<Tx extends PgTransaction | Knex.Transaction>(
  proxy: TcpProxy,
  storage: Storage<Tx>,
): Promise<void> {
  await direct().query("truncate counter, noted, effect, total");
  const events: WaybillEvent[] = [];
  const cut = { before: 0, after: 0, none: 0 };
  const chance = seeded(4);
  const kinds: readonly StatementFault[] = ["before", "after", "none", "none", "none"];
  const broker = memoryBroker();
  await using relay = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: direct() }),
    broker,
  });
  await using consumer = createWaybill({
    source: "notes",
    storage,
    broker,
    consumer: { pauseMaxMs: 20 },
    onEvent: (event) => events.push(event),
  });
  consumer.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await consumer.start({ relay: false });
  await relay.start({ consumers: false });
  proxy.onStatement("commit", () => {
    const kind = kinds[chance.below(kinds.length)] ?? "none";
    cut[kind] += 1;
    return kind;
  });
  await writeNotes({ pool: direct(), waybill: relay, keys: 6, chance: seeded(1), rollbacks: 0.1 }, 3, NOTES);
  await waitFor(async () => (await audit(direct())).lost === 0, {
    deadlineMs: 30_000,
    describe: "every effect",
  });
  await waitFor(
    () =>
      events.filter(({ type }) => type === "message.applied" || type === "message.duplicate").length ===
      NOTES,
  );
  expect(await audit(direct())).toEqual(flawless(NOTES));
  expect(Math.min(cut.before, cut.after), "cuts of each kind").toBeGreaterThan(10);
  const unsure = events.flatMap((event) => (event.type === "consumer.waiting" ? [event.error] : []));
  expect(new Set(unsure.map((error) => (error as Error & { code?: string }).code))).toEqual(
    new Set(["COMMIT_UNKNOWN"]),
  );
  const duplicates = events.filter(({ type }) => type === "message.duplicate").length;
  expect(duplicates, "deliveries that found their effect").toBeGreaterThan(10);
  expect(duplicates).toBeLessThanOrEqual(cut.after);
  const waiting = await direct().query(
    "select from waybill.parked union all select from waybill.dead_letter",
  );
  expect(waiting.rowCount, "attempts used up").toBe(0);
  proxy.onStatement("commit", () => "none");
  await Promise.all([consumer.stop(), relay.stop()]);
}

test("pg: a consumer whose COMMIT is cut applies the effect once and uses up no attempt", async () => {
  await using proxy = await tcpProxy(database.url);
  const pool = new Pool({ connectionString: proxy.url, max: 6 });
  pool.on("error", () => undefined);
  await consume<PgTransaction>(proxy, postgresStorage({ pool }));
  await pool.end();
});

test("knex: a consumer whose COMMIT is cut applies the effect once and uses up no attempt", async () => {
  await using proxy = await tcpProxy(database.url);
  const log = { warn: () => undefined, error: () => undefined };
  const knex = makeKnex({ client: "pg", connection: proxy.url, pool: { min: 0, max: 6 }, log });
  onTestFinished(() => knex.destroy());
  await consume<Knex.Transaction>(proxy, postgresStorage({ knex }));
});

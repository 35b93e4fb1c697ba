import { nativeBroker } from "@waybill/broker";
import { createWaybill, RetryLater, type Storage, type WaybillEvent } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  Noted,
  seeded,
  takeNote,
  writeNotes,
  type InTransaction,
} from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 150;
const { database, pool: direct } = preparedDatabase();

/** Everything that one service does, on one connection; a wait for a second one would never end. */
async function everything<Tx extends PgTransaction | Knex.Transaction>(
  storage: Storage<Tx>,
  begin: InTransaction<Tx>,
): Promise<void> {
  await direct().query("truncate counter, noted, effect, total");
  const events: WaybillEvent[] = [];
  await using waybill = createWaybill({
    source: "notes",
    storage,
    broker: nativeBroker({ dataDir: testFolder() }),
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(Noted, async (note, { tx, attempt, send }) => {
    if (note.no % 50 === 7 && attempt === 1) throw new RetryLater(20);
    await applyNote(tx, note);
    if (!note.key.startsWith("reply")) await send(Noted, { key: `reply-${note.key}`, no: note.no });
  });
  await waybill.start();
  await begin(async (tx) => void (await takeNote(tx, waybill, "late", { send: { delayMs: 500 } })));
  const writing = { pool: begin, waybill, keys: 8, chance: seeded(2), rollbacks: 0.2 };
  const chores = async (): Promise<void> => {
    for (let round = 0; round < 5; round += 1) {
      expect(await waybill.health()).toMatchObject({ status: "up" });
      await storage.outbox.purge(1_000);
      await storage.inbox.fold(0, 100);
    }
  };
  await Promise.all([writeNotes(writing, 6, NOTES), chores()]);
  const effects = async (): Promise<number> => (await audit(direct())).effects;
  await waitFor(async () => (await effects()) === 2 * (NOTES + 1), {
    deadlineMs: 40_000,
    describe: "every effect and every reply's effect",
  });
  await direct().query("insert into noted select 'reply-' || key, no from noted");
  expect(await audit(direct())).toEqual(flawless(2 * (NOTES + 1)));
  expect(events.filter(({ type }) => type === "relay.paused" || type === "consumer.waiting")).toEqual([]);
  await waybill.stop();
}

test("pg: a pool of one connection carries sends, relay, consumer, retries and jobs of one process", async () => {
  const pool = new Pool({ connectionString: database.url, max: 1 });
  onTestFinished(() => pool.end());
  await everything<PgTransaction>(postgresStorage({ pool }), (work) => inTransaction(pool, work));
  expect(pool.totalCount).toBeLessThanOrEqual(1);
});

test("knex: a pool of one connection carries sends, relay, consumer, retries and jobs of one process", async () => {
  const knex = makeKnex({
    client: "pg",
    connection: database.url,
    pool: { min: 0, max: 1 },
    acquireConnectionTimeout: 30_000,
  });
  onTestFinished(() => knex.destroy());
  await everything<Knex.Transaction>(postgresStorage({ knex }), (work) => knex.transaction(work));
});

import { nativeBroker } from "@waybill/broker";
import { createWaybill, type Storage, type WaybillEvent } from "@waybill/core";
import { inTransaction, migrate, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testDatabase, testFolder } from "@waybill/services/vitest";
import { knex as makeKnex, type Knex } from "knex";
import { escapeIdentifier, Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  LEDGER_TABLES,
  Noted,
  seeded,
  takeNote,
  writeNotes,
  type AnyTransaction,
  type InTransaction,
} from "../src/index.ts";

const NOTES = 250;
const ORDERS = `o'Brien "orders"; --`;
const STOCK = "Stock.ß %I : x";
const database = testDatabase();

interface Service<Tx> {
  readonly schema: string;
  readonly storage: Storage<Tx>;
  readonly begin: InTransaction<Tx>;
}

/** One service with everything: it writes notes of its own keys, and sees only those. */
async function serve<Tx extends AnyTransaction>(
  source: string,
  service: Service<Tx>,
): Promise<WaybillEvent[]> {
  const { storage, begin } = service;
  const events: WaybillEvent[] = [];
  const seen = new Set<string>();
  await using waybill = createWaybill({
    source,
    storage,
    broker: nativeBroker({ dataDir: testFolder() }),
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(Noted, async (note, { tx, message }) => {
    seen.add(message.source);
    await applyNote(tx, note);
  });
  await waybill.start();
  // A process of its own would send like this: only notifications and polling lead to the relay.
  await using producer = createWaybill({ source, storage });
  const chance = seeded(source.length);
  const writing = { pool: begin, waybill: producer, keys: 5, prefix: source, chance, rollbacks: 0.1 };
  await writeNotes(writing, 3, NOTES);
  await begin(
    async (tx) => void (await takeNote(tx, producer, `${source}-late`, { send: { delayMs: 300 } })),
  );
  await begin(
    async (tx) => void (await takeNote(tx, producer, `${source}-alone`, { send: { serialize: true } })),
  );
  const done = (): number => events.filter(({ type }) => type === "message.applied").length;
  await waitFor(() => done() === NOTES + 2, {
    deadlineMs: 30_000,
    describe: () => `${done()} applied for ${source}`,
  });
  await storage.outbox.purge(1_000);
  await storage.inbox.fold(0, 50);
  expect([...seen], "sources of the messages").toEqual([source]);
  return events.filter(({ level }) => level === "warn" || level === "error");
}

test("two sources side by side in one database, in schemas whose names need quoting, one on knex and one on pg", async () => {
  const target = { connectionString: database.url };
  await migrate(target, { source: "orders", schema: ORDERS });
  await migrate(target, { source: "stock", schema: STOCK });
  const pool = new Pool({ connectionString: database.url, max: 8 });
  onTestFinished(() => pool.end());
  const knex = makeKnex({ client: "pg", connection: database.url, pool: { min: 0, max: 8 } });
  onTestFinished(() => knex.destroy());
  await pool.query(LEDGER_TABLES);

  const orders = postgresStorage({ pool, schema: ORDERS });
  const stock = postgresStorage({ knex, schema: STOCK });
  await expect(orders.check("stock")).rejects.toMatchObject({ code: "SOURCE_MISMATCH" });
  const complaints = await Promise.all([
    serve<PgTransaction>("orders", {
      schema: ORDERS,
      storage: orders,
      begin: (work) => inTransaction(pool, work),
    }),
    serve<Knex.Transaction>("stock", {
      schema: STOCK,
      storage: stock,
      begin: (work) => knex.transaction(work),
    }),
  ]);
  expect(complaints.flat()).toEqual([]);
  expect(await audit(pool)).toEqual(flawless(2 * NOTES + 4));
  for (const schema of [ORDERS, STOCK]) {
    const { rows } = await pool.query<{ sent: number }>(
      `select count(*)::int as sent from ${escapeIdentifier(schema)}.outbox`,
    );
    expect(rows[0]?.sent).toBe(NOTES + 2);
  }
});

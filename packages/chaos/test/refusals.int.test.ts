import { createWaybill, memoryBroker, type Waybill } from "@waybill/core";
import { inTransaction, migrate, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { freePort } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Noted } from "../src/index.ts";

const database = testDatabase();
let pool: Pool;
beforeAll(async () => {
  pool = new Pool({ connectionString: database.url, max: 4 });
  await pool.query("create table business (id text primary key)");
});
afterAll(() => pool.end());

function service(source: string, schema: string, on: Pool = pool): Waybill<PgTransaction> {
  const storage = postgresStorage({ pool: on, schema });
  const waybill = createWaybill({ source, storage, broker: memoryBroker() });
  onTestFinished(() => waybill.stop());
  return waybill;
}

/** A business row and a message in one transaction. */
function placeAndSend(waybill: Waybill<PgTransaction>, id: string, no: unknown = 1): Promise<void> {
  return inTransaction(pool, async (tx) => {
    await tx.query("insert into business values ($1)", [id]);
    await waybill.send(tx, Noted, { key: id, no } as { key: string; no: number });
  });
}

async function written(id: string): Promise<number> {
  const { rowCount } = await pool.query("select from business where id = $1", [id]);
  return rowCount ?? -1;
}

test("without Waybill's tables a send fails with what to do, and takes the business row with it", async () => {
  const waybill = service("notes", "nothing_here");
  const failing = placeAndSend(waybill, "missing");
  await expect(failing).rejects.toMatchObject({
    code: "MIGRATIONS_MISSING",
    message: expect.stringContaining("npx waybill migrate up"),
  });
  expect(await written("missing")).toBe(0);
  await expect(waybill.start()).rejects.toMatchObject({ code: "MIGRATIONS_MISSING" });
});

test("another service's schema refuses the send and the start, naming both", async () => {
  await migrate({ pool }, { source: "billing", schema: "billing" });
  const waybill = service("notes", "billing");
  const refused = {
    code: "SOURCE_MISMATCH",
    message: expect.stringMatching(/billing.*notes|notes.*billing/),
  };
  await expect(placeAndSend(waybill, "foreign")).rejects.toMatchObject(refused);
  expect(await written("foreign")).toBe(0);
  await expect(waybill.start()).rejects.toMatchObject(refused);
});

test.each([
  [
    "older",
    "waybill migrate up",
    "delete from outdated.waybill_migrations where id = (select max(id) from outdated.waybill_migrations)",
  ],
  [
    "newer",
    "is newer t",
    "insert into outdated.waybill_migrations (name, batch, migration_time) values ('999_future', 9, now())",
  ],
])("tables that are %s than the package stop the start, not the database", async (_age, hint, change) => {
  await pool.query("drop schema if exists outdated cascade");
  await migrate({ pool }, { source: "notes", schema: "outdated" });
  await pool.query(change);
  await expect(service("notes", "outdated").start()).rejects.toMatchObject({
    code: "MIGRATIONS_OUTDATED",
    message: expect.stringContaining(hint),
  });
});

test("an invalid payload is refused before anything is recorded, and the transaction can go on", async () => {
  await migrate({ pool }, { source: "notes" });
  const waybill = service("notes", "waybill");
  await expect(placeAndSend(waybill, "invalid", "seven")).rejects.toMatchObject({
    code: "PAYLOAD_INVALID",
    message: expect.stringContaining("no:"),
  });
  expect(await written("invalid")).toBe(0);
  await inTransaction(pool, async (tx) => {
    await tx.query("insert into business values ('caught')");
    const wrong = { key: "k", no: "seven" } as unknown as { key: string; no: number };
    await expect(waybill.send(tx, Noted, wrong)).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    await waybill.send(tx, Noted, { key: "k", no: 7 });
  });
  expect(await written("caught")).toBe(1);
  expect((await pool.query("select from waybill.outbox")).rowCount).toBe(1);
});

test("an unknown option is refused by name, and nothing is recorded", async () => {
  await migrate({ pool }, { source: "notes" });
  const waybill = service("notes", "waybill");
  const before = (await pool.query("select from waybill.outbox")).rowCount;
  const sending = inTransaction(pool, async (tx) => {
    await waybill.send(tx, Noted, { key: "k", no: 1 }, { delay: 5 } as unknown as { delayMs: number });
  });
  await expect(sending).rejects.toMatchObject({
    code: "OPTIONS_INVALID",
    message: expect.stringContaining("delay"),
  });
  expect((await pool.query("select from waybill.outbox")).rowCount).toBe(before);
});

test("a database that is not there stops the start with a retryable error that names the way out", async () => {
  const nowhere = new Pool({ connectionString: `postgres://nobody@127.0.0.1:${await freePort()}/none` });
  onTestFinished(() => nowhere.end());
  const waybill = service("notes", "waybill", nowhere);
  await expect(waybill.start()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", retryable: true });
  expect((await waybill.health()).storage.status).toBe("down");
});

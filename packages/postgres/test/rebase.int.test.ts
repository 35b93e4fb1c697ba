import type { Lease, Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { postgresStorage, rebase, type PgTransaction } from "../src/index.ts";
import {
  migratedDatabase,
  newMessage,
  newParked,
  send,
  SOURCE,
  step,
  testPool,
} from "./support/test-storage.ts";

const database = migratedDatabase();

async function take(storage: Storage<PgTransaction>): Promise<Lease> {
  const answer = await storage.relay.acquire("relay", 60_000);
  if (answer.kind !== "acquired") throw new Error(`held by ${answer.owner}`);
  return answer.lease;
}

test("a relay that runs loses its lease, and the next one goes on from the persisted cursor with a new incarnation", async () => {
  const pool = testPool(database.url);
  const storage = postgresStorage({ pool });
  const before = await take(storage);
  const { to } = await storage.outbox.openWindow("1:1:", 1);
  await storage.relay.apply(before, step(to, { sequences: new Map([["t/1", 5]]) }));
  await rebase({ pool }, { source: SOURCE });
  expect(await storage.relay.verify(before)).toBe(false);
  expect(await storage.relay.apply(before, step(to))).toBe(false);
  const after = await take(storage);
  expect(after.renewedBecause).toBe("waybill rebase was run");
  expect(after.incarnation).not.toBe(before.incarnation);
  expect(await storage.relay.load(after)).toEqual({ from: to, window: null, sequences: new Map() });
  expect((await take(storage)).renewedBecause).toBeNull();
});

test("a lease that was copied into this database is still known as copied after a rebase: nothing is skipped", async () => {
  const pool = testPool(database.url);
  const storage = postgresStorage({ pool });
  const before = await take(storage);
  await storage.relay.apply(before, step("7:9:8"));
  await pool.query("update waybill.relay_lease set epoch = epoch");
  expect(await storage.relay.renew(before, 60_000)).toBe(false);
  await rebase({ pool }, { source: SOURCE });
  await rebase({ pool }, { source: SOURCE });
  const after = await take(storage);
  expect(after.renewedBecause).toMatch(/^waybill rebase was run; .*copied/);
  expect((await storage.relay.load(after)).from).toBe("1:1:");
});

test("sequences that are behind their tables are refused, also before their first value, until a rebase moves them", async () => {
  const pool = testPool(database.url);
  const storage = postgresStorage({ pool });
  const lease = await take(storage);
  await send(storage, newMessage(), newMessage());
  await storage.relay.apply(lease, step("7:9:8", { park: [newParked({ group: "" })] }));
  for (const sequence of ["outbox_id", "relay_progress_id"]) {
    const { rows } = await pool.query<{ last: string }>(`select last_value as last from waybill.${sequence}`);
    await pool.query(`select setval('waybill.${sequence}', 1, false)`);
    await expect(storage.relay.acquire("relay", 1)).rejects.toMatchObject({
      code: "SCHEMA_UNSAFE",
      message: expect.stringMatching(/logical copy.*waybill rebase/) as string,
    });
    await rebase({ pool }, { source: SOURCE });
    const after = await pool.query<{ last: string }>(`select last_value as last from waybill.${sequence}`);
    expect(after.rows).toEqual(rows);
  }
  await pool.query("select setval(pg_get_serial_sequence('waybill.parked', 'id'), 1, false)");
  await rebase({ pool }, { source: SOURCE });
  await storage.relay.apply(await take(storage), step("7:9:8", { park: [newParked({ group: "" })] }));
});

test("progress that is gone is not guessed: after a rebase the relay starts before the first row", async () => {
  const pool = testPool(database.url);
  const storage = postgresStorage({ pool });
  const lease = await take(storage);
  await pool.query("truncate waybill.relay_progress");
  await expect(storage.relay.load(lease)).rejects.toMatchObject({ code: "SCHEMA_UNSAFE" });
  await rebase({ pool }, { source: SOURCE });
  expect((await storage.relay.load(await take(storage))).from).toBe("1:1:");
});

test("another source, an unknown schema and unknown options are refused", async () => {
  const pool = testPool(database.url);
  await expect(rebase({ pool }, { source: "billing" })).rejects.toMatchObject({ code: "SOURCE_MISMATCH" });
  await expect(rebase({ pool }, { source: SOURCE, schema: "nowhere" })).rejects.toMatchObject({
    code: "MIGRATIONS_MISSING",
  });
  for (const wrong of [
    { source: SOURCE, schema: "" },
    { source: SOURCE, shcema: "x" },
  ]) {
    await expect(rebase({ pool }, wrong)).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  }
});

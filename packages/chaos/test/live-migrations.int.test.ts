import { nativeBroker } from "@waybill/broker";
import { createWaybill, isWaybillError } from "@waybill/core";
import { inTransaction, migrate, migrateDown, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testDatabase, testFolder } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, LEDGER_TABLES, Noted, takeNote } from "../src/index.ts";

const database = testDatabase();
const OPTIONS = { source: "notes" };
/** A statement that waits longer for a lock fails, so nobody was blocked for longer. */
const IMPATIENT = "-c lock_timeout=100ms";

function poolTo(options: string): Pool {
  const pool = new Pool({ connectionString: database.url, max: 8, options });
  onTestFinished(() => pool.end());
  return pool;
}

/** Producers that send all the time, each to a key of its own, so that nothing but Waybill could make them wait. */
function produce(pool: Pool, producers: number, name: string) {
  const stopped = new AbortController();
  const sent = { notes: 0, refused: new Map<string, number>() };
  const waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool }) });
  const producer = async (key: string): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await inTransaction(pool, async (tx) => void (await takeNote(tx, waybill, key)));
        sent.notes += 1;
      } catch (error) {
        if (!isWaybillError(error)) throw error;
        sent.refused.set(error.code, (sent.refused.get(error.code) ?? 0) + 1);
      }
    }
  };
  const running = Promise.all(Array.from({ length: producers }, (_, index) => producer(`${name}-${index}`)));
  const stop = async (): Promise<void> => {
    stopped.abort();
    await running;
    await waybill.stop();
  };
  const more = async (count: number): Promise<void> => {
    const from = sent.notes;
    await waitFor(() => sent.notes >= from + count, { deadlineMs: 20_000, describe: `${count} more notes` });
  };
  return { sent, stop, more };
}

test("from nothing, with two migrations at once and producers that send all the time: refused until done, then all flows", async () => {
  const pool = poolTo("");
  await pool.query(LEDGER_TABLES);
  const producers = produce(pool, 3, "early");
  const refusals = (): number => producers.sent.refused.get("MIGRATIONS_MISSING") ?? 0;
  await waitFor(() => refusals() > 20, { describe: "refused sends" });
  const target = { connectionString: database.url };
  const applied = await Promise.all([migrate(target, OPTIONS), migrate(target, OPTIONS)]);
  expect(applied.flat()).toHaveLength(7);
  await producers.more(50);
  await producers.stop();
  const codes = new Set(producers.sent.refused.keys());
  codes.delete("MIGRATIONS_OUTDATED"); // Between the first migration and the last.
  expect([...codes]).toEqual(["MIGRATIONS_MISSING"]);
  const { committed } = await audit(pool);
  expect(committed, "a refused send leaves no business row").toBe(producers.sent.notes);

  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool }),
    broker: nativeBroker({ dataDir: testFolder() }),
  });
  waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await waybill.start();
  await waitFor(async () => (await audit(pool)).lost === 0, { deadlineMs: 20_000, describe: "every effect" });
  expect(await audit(pool)).toEqual(flawless(committed));
  await waybill.stop();
});

test("a migration that has nothing to do blocks nobody, under load of producers, relay and consumer", async () => {
  const pool = poolTo(IMPATIENT);
  const events: string[] = [];
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: poolTo(IMPATIENT) }),
    broker: nativeBroker({ dataDir: testFolder() }),
    onEvent: ({ type, level }) => void (level === "warn" || level === "error" ? events.push(type) : 0),
  });
  waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await waybill.start();
  const producers = produce(pool, 3, "busy");
  const target = { connectionString: database.url };
  for (let round = 0; round < 10; round += 1) {
    expect(await Promise.all([migrate(target, OPTIONS), migrate(target, OPTIONS)])).toEqual([[], []]);
    await producers.more(20);
  }
  await producers.stop();
  expect([...producers.sent.refused.keys()]).toEqual([]);
  await waitFor(async () => (await audit(pool)).lost === 0, { deadlineMs: 20_000, describe: "every effect" });
  const { committed } = await audit(pool);
  expect(await audit(pool)).toEqual(flawless(committed));
  expect(events).toEqual([]);
  await waybill.stop();
});

test("down and up again under producers and a relay: sends are refused in between, and then all flows again", async () => {
  const pool = poolTo("");
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool }),
    broker: nativeBroker({ dataDir: testFolder() }),
    relay: { leaseMs: 500 },
    onEvent: () => undefined,
  });
  waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await waybill.start();
  const producers = produce(pool, 3, "again");
  await producers.more(50);
  const target = { connectionString: database.url };
  expect(await migrateDown(target, OPTIONS)).toHaveLength(7);
  const refusals = (): number => producers.sent.refused.get("MIGRATIONS_MISSING") ?? 0;
  const before = refusals();
  await waitFor(() => refusals() > before + 20, { describe: "refused sends" });
  await producers.stop();
  expect(await migrate(target, OPTIONS)).toHaveLength(7);
  // What was not delivered went with the tables, by request: what counts begins anew.
  const reborn = produce(pool, 3, "reborn");
  await reborn.more(100);
  await reborn.stop();
  expect([...reborn.sent.refused.keys()]).toEqual([]);
  await waitFor(async () => (await audit(pool, "reborn%")).lost === 0, {
    deadlineMs: 20_000,
    describe: "every effect",
  });
  expect(await audit(pool, "reborn%")).toEqual(flawless(reborn.sent.notes));
  await waybill.stop();
});

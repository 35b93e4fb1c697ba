import { memoryBroker, createWaybill, type Storage, type WaybillEvent } from "@waybill/core";
import { pgTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { knex as makeKnex, type Knex } from "knex";
import { DatabaseError, Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  Noted,
  runIn,
  seeded,
  takeNote,
  writeNotes,
  type AnyTransaction,
  type InTransaction,
  type Seeded,
} from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const LEVELS = ["read committed", "repeatable read", "serializable"] as const;
type Level = (typeof LEVELS)[number];

const NOTES = 150;
const RETRIES_MAX = 200;
const { database, pool: direct } = preparedDatabase();

/** What every caller of the stricter levels does: again, when the server says that it was a conflict. */
async function retried(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const conflict = error instanceof DatabaseError && (error.code === "40001" || error.code === "40P01");
      const cause = error instanceof Error ? error.cause : undefined;
      const within = cause instanceof DatabaseError && (cause.code === "40001" || cause.code === "40P01");
      if ((!conflict && !within) || attempt === RETRIES_MAX) throw error;
    }
  }
}

function onPg(pool: Pool, level: Level): InTransaction<PgTransaction> {
  return (work) =>
    retried(async () => {
      const client = await pool.connect();
      try {
        await client.query(`begin isolation level ${level}`);
        await work(pgTransaction(client));
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    });
}

function onKnex(knex: Knex, level: Level): InTransaction<Knex.Transaction> {
  return (work) => retried(() => knex.transaction(work, { isolationLevel: level }));
}

/** Sends in a savepoint that is undone, before the note that counts. */
function withUndone<Tx extends AnyTransaction>(
  begin: InTransaction<Tx>,
  waybill: Parameters<typeof takeNote<Tx>>[1],
  chance: Seeded,
): InTransaction<Tx> {
  return (work) =>
    begin(async (tx) => {
      await runIn(tx, "savepoint undone");
      await takeNote(tx, waybill, `undone-${chance.below(1_000_000)}`);
      await runIn(tx, "rollback to savepoint undone");
      await work(tx);
    });
}

/** Connections whose transactions are serializable unless they say otherwise. */
const STRICT = "-c default_transaction_isolation=serializable";

async function mixedLevels<Tx extends AnyTransaction>(
  storage: Storage<Tx>,
  begin: (level: Level) => InTransaction<Tx>,
): Promise<void> {
  await direct().query("truncate counter, noted, effect, total");
  const events: WaybillEvent[] = [];
  const levels = new Set<string>();
  await using waybill = createWaybill({
    source: "notes",
    storage,
    broker: memoryBroker(),
    relay: { chunkRowsMax: 20, leaseMs: 500 },
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(Noted, async (note, { tx }) => {
    const [row] = await runIn<{ level: string }>(
      tx,
      "select current_setting('transaction_isolation') as level",
    );
    levels.add(row?.level ?? "");
    await applyNote(tx, note);
  });
  await waybill.start();
  await Promise.all(
    LEVELS.map((level, index) => {
      const chance = seeded(index);
      const inLevel = withUndone(begin(level), waybill, chance);
      return writeNotes({ pool: inLevel, waybill, keys: 3, chance, rollbacks: 0.2 }, 2, NOTES);
    }),
  );
  await waitFor(async () => (await audit(direct())).lost === 0, {
    deadlineMs: 30_000,
    describe: "every effect",
  });
  expect(await audit(direct())).toEqual(flawless(LEVELS.length * NOTES));
  expect([...levels], "isolation of the handlers").toEqual(["read committed"]);
  expect(events.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  await waybill.stop();
}

test("pg: business at three isolation levels on the same keys, Waybill on connections that default to serializable", async () => {
  const pool = new Pool({ connectionString: database.url, max: 12, options: STRICT });
  onTestFinished(() => pool.end());
  await mixedLevels<PgTransaction>(postgresStorage({ pool }), (level) => onPg(pool, level));
});

test("knex: business at three isolation levels on the same keys, Waybill on connections that default to serializable", async () => {
  const knex = makeKnex({
    client: "pg",
    connection: { connectionString: database.url, options: STRICT },
    pool: { min: 0, max: 12 },
  });
  onTestFinished(() => knex.destroy());
  await mixedLevels<Knex.Transaction>(postgresStorage({ knex }), (level) => onKnex(knex, level));
});

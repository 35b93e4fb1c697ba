import { createWaybill, type Waybill, type WaybillEvent } from "@waybill/core";
import { nativeBroker } from "@waybill/broker";
import { inTransaction, migrate, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { requirePart, startPgBouncer, waitFor, whyNoPgBouncer, type PgBouncer } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, seeded, takeNote, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 300;

async function startBouncer(postgresUrl: string, trackPrepared = true): Promise<PgBouncer> {
  const bouncer = await startPgBouncer({ postgresUrl, poolSize: 4, trackPrepared });
  onTestFinished(() => bouncer.stop());
  return bouncer;
}

function poolTo(url: string, max = 10): Pool {
  const pool = new Pool({ connectionString: url, max });
  onTestFinished(() => pool.end());
  return pool;
}

function knexTo(url: string): Knex {
  const knex = makeKnex({ client: "pg", connection: url, pool: { min: 0, max: 10 } });
  onTestFinished(() => knex.destroy());
  return knex;
}

const complaints = (log: readonly string[]): string[] =>
  log.filter((line) => / (WARNING|ERROR|FATAL) |when not linked/.test(line));

describe.runIf(requirePart("pgbouncer", whyNoPgBouncer()))("behind PgBouncer in transaction mode", () => {
  const { database, pool: direct } = preparedDatabase();

  async function flows<Tx extends PgTransaction | Knex.Transaction>(parts: {
    readonly bouncer: PgBouncer;
    readonly storage: () => Parameters<typeof createWaybill<Tx>>[0]["storage"];
    readonly begin: (work: (tx: Tx) => Promise<void>) => Promise<void>;
  }): Promise<void> {
    const { bouncer, storage, begin } = parts;
    await direct().query("truncate counter, noted, effect, total");
    const events: WaybillEvent[] = [];
    await using worker: Waybill<Tx> = createWaybill({
      source: "notes",
      storage: storage(),
      broker: nativeBroker({ dataDir: testFolder() }),
      relay: { chunkRowsMax: 20, leaseMs: 1_000 },
      onEvent: (event) => events.push(event),
    });
    worker.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
    await worker.start();
    await using producer = createWaybill({ source: "notes", storage: storage() });
    const writing = { pool: begin, waybill: producer, keys: 10, chance: seeded(5), rollbacks: 0.2 };
    await begin(async (tx) => void (await takeNote(tx, producer, "later", { send: { delayMs: 1_200 } })));
    await writeNotes(writing, 8, NOTES);
    await waitFor(async () => (await audit(direct())).lost === 0, {
      deadlineMs: 20_000,
      describe: "every effect",
    });
    expect(await audit(direct())).toEqual(flawless(NOTES + 1));

    const jobs = await direct().query<{ name: string; last_outcome: string }>(
      "select name, last_outcome from waybill.job where last_outcome is not null",
    );
    expect(jobs.rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["send-parked", "run-parked:ledger"]),
    );
    expect(jobs.rows.filter(({ last_outcome }) => last_outcome !== "ok")).toEqual([]);
    expect(events.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
    await Promise.all([worker.stop(), producer.stop()]);
    expect(complaints(bouncer.log)).toEqual([]);
    const listening = await direct().query(
      "select 1 from pg_stat_activity where datname = current_database() and query ~* '^(un)?listen '",
    );
    expect(listening.rowCount, "sessions of the pooler that were told to listen").toBe(0);
  }

  test("pg: send, relay, consumer and scheduler work, with statements prepared where the version keeps track", async () => {
    const bouncer = await startBouncer(database.url);
    const pool = poolTo(bouncer.url);
    const storage = () => postgresStorage({ pool, prepare: bouncer.tracksPrepared });
    await flows<PgTransaction>({ bouncer, storage, begin: (work) => inTransaction(pool, work) });
  });

  test("knex: send, relay, consumer and scheduler work, with statements prepared where the version keeps track", async () => {
    const bouncer = await startBouncer(database.url);
    const knex = knexTo(bouncer.url);
    const storage = () => postgresStorage({ knex, prepare: bouncer.tracksPrepared });
    await flows<Knex.Transaction>({ bouncer, storage, begin: (work) => knex.transaction(work) });
  });

  test("without keeping track of statements: prepare off works, prepare on fails and says what to do", async () => {
    const bouncer = await startBouncer(database.url, false);
    const pool = poolTo(bouncer.url);
    const storage = () => postgresStorage({ pool, prepare: false });
    await flows<PgTransaction>({ bouncer, storage, begin: (work) => inTransaction(pool, work) });
    const prepared = postgresStorage({ pool, prepare: true });
    const askOften = async (): Promise<void> => {
      for (let look = 0; look < 10; look += 1) {
        await Promise.all([prepared.jobs.list(), prepared.jobs.list(), prepared.jobs.list()]);
      }
    };
    await expect(askOften()).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      message: expect.stringMatching(/prepare: false/) as string,
    });
  });

  test("a handler past its deadline has its statement cancelled, and its transaction goes on", async () => {
    const bouncer = await startBouncer(database.url);
    const storage = postgresStorage({ pool: poolTo(bouncer.url, 1) });
    const outcome = await storage.transaction(async (tx) => {
      let statement: Promise<unknown> | undefined;
      const late = storage.savepoint(
        tx,
        async (inner) => {
          statement = inner.query("select pg_sleep(30)").catch((error: { code?: string }) => error.code);
          await new Promise(() => undefined);
        },
        { signal: AbortSignal.timeout(50) },
      );
      await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
      expect((await tx.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      return statement;
    });
    expect(outcome).toBe("57014");
  });

  test("migrations through it leave no lock behind on its sessions, also when several run at once", async () => {
    const bouncer = await startBouncer(database.url);
    const schema = "through_pooler";
    const applied = await Promise.all(
      [1, 2, 3].map(() => migrate({ connectionString: bouncer.url }, { source: "notes", schema })),
    );
    expect(applied.flat()).toHaveLength(7);
    const locks = await direct().query(
      "select 1 from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and l.locktype = 'advisory'",
    );
    expect(locks.rowCount).toBe(0);
    expect(await migrate({ connectionString: database.url }, { source: "notes", schema })).toEqual([]);
  });
});

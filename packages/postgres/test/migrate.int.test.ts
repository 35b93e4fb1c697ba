import {
  ALL_MIGRATIONS,
  grantStatements,
  knexMigrations,
  plainSql,
  plainSqlDown,
  prepareSchema,
} from "@waybill/migrations";
import { testDatabase } from "@waybill/services/vitest";
import { escapeIdentifier, type Pool } from "pg";
import { describe, expect, test } from "vitest";
import { migrate, migrateDown, migrationStatus, postgresStorage } from "../src/index.ts";
import { catalogOf } from "./support/catalog.ts";
import { newMessage, send, SOURCE, testKnex, testPool } from "./support/test-storage.ts";

const NAMES = ALL_MIGRATIONS.map(({ name }) => name);

describe("migrations", () => {
  const database = testDatabase();

  test("the runner, knex and plain SQL make the same schema", async () => {
    const pool = testPool(database.url);
    const knex = testKnex(database.url);
    await migrate({ pool }, { source: SOURCE, schema: "by_runner" });
    const options = { source: SOURCE, schema: "by_knex" };
    await prepareSchema(knex, options);
    await knex.migrate.latest(knexMigrations(options));
    await pool.query(plainSql({ source: SOURCE, schema: "by_sql" }));
    const byRunner = await catalogOf(database.url, "by_runner");
    expect(byRunner.length).toBeGreaterThan(100);
    expect(await catalogOf(database.url, "by_knex")).toEqual(byRunner);
    expect(await catalogOf(database.url, "by_sql")).toEqual(byRunner);
    for (const schema of ["by_runner", "by_knex", "by_sql"]) {
      expect(await postgresStorage({ pool, schema }).check(SOURCE)).toEqual({
        source: SOURCE,
        partitions: 32,
      });
    }
    expect(await migrate({ knex }, options)).toEqual([]);
    await knex.migrate.rollback(knexMigrations(options), true);
    expect(
      (await migrationStatus({ knex }, { schema: "by_knex" })).every(({ appliedAt }) => appliedAt === null),
    ).toBe(true);
    await pool.query(plainSqlDown({ source: SOURCE, schema: "by_sql" }));
    expect(await migrate({ pool }, { source: SOURCE, schema: "by_sql" })).toEqual(NAMES);
    expect(await catalogOf(database.url, "by_sql")).toEqual(byRunner);
  });

  test("up, down and up again, in a schema with an unusual name", async () => {
    const target = { connectionString: database.url };
    const options = { source: SOURCE, schema: `We"ird name`, partitions: 7 };
    expect(await migrate(target, options)).toEqual(NAMES);
    expect(await migrate(target, options)).toEqual([]);
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool, schema: options.schema });
    expect(await storage.check(SOURCE)).toEqual({ source: SOURCE, partitions: 7 });
    await send(storage, newMessage());
    expect((await storage.outbox.openWindow("1:1:", 10)).rows).toHaveLength(1);
    expect(await migrateDown(target, options)).toEqual(NAMES.toReversed());
    expect(await migrateDown(target, options)).toEqual([]);
    await expect(storage.check(SOURCE)).rejects.toMatchObject({ code: "MIGRATIONS_MISSING" });
    expect(await migrate(target, options)).toEqual(NAMES);
  });

  test("processes that migrate at the same time do it once", async () => {
    const options = { source: SOURCE, schema: "raced" };
    const all = await Promise.all([1, 2, 3].map(() => migrate({ connectionString: database.url }, options)));
    expect(all.flat().toSorted()).toEqual(NAMES);
  });

  test("what is missing, foreign or unsafe is refused with what to do", async () => {
    const pool = testPool(database.url);
    const schema = "checked";
    const storage = postgresStorage({ pool, schema });
    const refused = (code: string, doing: RegExp): Promise<void> =>
      expect(storage.check(SOURCE)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(doing) as string,
      });
    await refused("MIGRATIONS_MISSING", /waybill migrate up/);
    await expect(
      storage.transaction(async (tx) => storage.outbox.settings(tx, SOURCE)),
    ).rejects.toMatchObject({
      code: "MIGRATIONS_MISSING",
    });
    await expect(send(storage, newMessage())).rejects.toMatchObject({ code: "MIGRATIONS_MISSING" });
    await migrate({ pool }, { source: SOURCE, schema });
    await expect(storage.check("billing")).rejects.toMatchObject({ code: "SOURCE_MISMATCH" });
    await expect(migrate({ pool }, { source: "billing", schema })).rejects.toMatchObject({
      code: "SOURCE_MISMATCH",
    });
    await pool.query(`alter sequence ${schema}.outbox_id cache 10`);
    await refused("SCHEMA_UNSAFE", /CACHE 1/);
    await pool.query(`alter sequence ${schema}.outbox_id cache 1`);
    await pool.query(`drop index ${schema}.parked_due`);
    await refused("SCHEMA_UNSAFE", /parked_due/);
    await pool.query(`create index parked_due on ${schema}.parked (consumer_group, due_at)`);
    await pool.query(`update ${schema}.waybill_migrations set name = '999_future' where name = '007_job'`);
    await refused("MIGRATIONS_OUTDATED", /007_job.*migrate up/);
    await pool.query(`insert into ${schema}.waybill_migrations (name) values ('007_job')`);
    await refused("MIGRATIONS_OUTDATED", /newer.*999_future/);
  });

  test("a migration that fails is undone, named, and can be repeated", async () => {
    const pool = testPool(database.url);
    await pool.query("create schema broken; create table broken.parked (id int)");
    const options = { source: SOURCE, schema: "broken" };
    await expect(migrate({ pool }, options)).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      message: expect.stringMatching(/003_parked/) as string,
    });
    const status = await migrationStatus({ pool }, { schema: "broken" });
    expect(status.filter(({ appliedAt }) => appliedAt !== null).map(({ name }) => name)).toEqual(
      NAMES.slice(0, 2),
    );
    await pool.query("drop table broken.parked");
    expect(await migrate({ pool }, options)).toEqual(NAMES.slice(2));
  });

  test("wrong options and unreachable databases", async () => {
    const target = { connectionString: database.url };
    await expect(migrate(target, { source: "a b" })).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
    await expect(migrate(target, { source: "a", shcema: "x" } as never)).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
    });
    await expect(
      migrate({ connectionString: "postgres://127.0.0.1:1/x" }, { source: "a" }),
    ).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("a producer's role can record messages and nothing else, a worker's role can do the rest", async () => {
    const admin = testPool(database.url);
    const schema = "granted";
    await migrate({ pool: admin }, { source: SOURCE, schema });
    const role = (name: string): string => `${name}_${database.name}`;
    const as = async (name: string): Promise<Pool> => {
      await admin.query(`create role ${escapeIdentifier(role(name))} login password 'test'`);
      const url = new URL(database.url);
      url.username = role(name);
      url.password = "test";
      return testPool(url.href);
    };
    const producerPool = await as("producer");
    const workerPool = await as("worker");
    try {
      for (const statement of grantStatements({ schema, producer: role("producer"), worker: role("worker") }))
        await admin.query(statement);
      const producer = postgresStorage({ pool: producerPool, schema });
      await producer.transaction(async (tx) => {
        await producer.outbox.settings(tx, SOURCE);
        await producer.outbox.lockKeys(tx, [{ topic: "t", key: "k" }]);
        await producer.outbox.append(tx, [newMessage()]);
        await producer.outbox.append(tx, [newMessage(), newMessage()]);
        await producer.outbox.claimDedupKeys(tx, [{ topic: "t", dedupKey: "k", messageId: newMessage().id }]);
      });
      await producer.outbox.nudge();
      const forbidden = [
        "select * from outbox",
        "delete from outbox",
        "update outbox set topic = ''",
        "select * from outbox_0",
        "truncate outbox_0",
        "select * from parked",
        "select nextval('relay_progress_id')",
        "select * from relay_lease",
        "insert into dead_letter default values",
      ];
      const client = await producerPool.connect();
      await client.query(`set search_path = ${schema}`);
      for (const text of forbidden) await expect(client.query(text)).rejects.toMatchObject({ code: "42501" });
      client.release();
      const worker = postgresStorage({ pool: workerPool, schema });
      await worker.check(SOURCE);
      const answer = await worker.relay.acquire("w", 1_000);
      if (answer.kind !== "acquired") throw new Error("held");
      const { from } = await worker.relay.load(answer.lease);
      const opened = await worker.outbox.openWindow(from, 10);
      expect(opened.rows).toHaveLength(3);
      for (let n = 0; n < 600; n += 1)
        await worker.relay.apply(answer.lease, {
          from: opened.to,
          window: null,
          sequences: new Map(),
          park: [],
          dead: [],
          parked: [],
        });
      expect(await worker.outbox.purge(0)).toBe(0);
      expect(await worker.outbox.forgetDedupKeys(0, 10)).toBe(1);
      expect(await worker.inbox.fold(0, 10)).toBe(0);
      expect(
        await worker.jobs.begin({ name: "j", schedule: "*", owner: "w", leaseMs: 1, notWithinMs: 1 }),
      ).toBe(true);
    } finally {
      for (const name of ["producer", "worker"])
        await admin.query(
          `drop owned by ${escapeIdentifier(role(name))}; drop role ${escapeIdentifier(role(name))}`,
        );
    }
  });
});

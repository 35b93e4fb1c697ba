import { isWaybillError, type Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Knex } from "knex";
import { describe, expect, test } from "vitest";
import { inTransaction, pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { migratedDatabase, newMessage, SOURCE, testKnex, testPool } from "./support/test-storage.ts";

const code = (wanted: string): Error =>
  expect.objectContaining({ name: "WaybillError", code: wanted }) as Error;

async function recorded<Tx>(storage: Storage<Tx>): Promise<number> {
  return (await storage.outbox.openWindow("1:1:", 1_000)).rows.length;
}

describe("transactions", () => {
  const database = migratedDatabase();

  describe.each(["pg", "knex"])("with %s", (driver) => {
    const open = (): Storage<Knex.Transaction | PgTransaction> =>
      (driver === "pg"
        ? postgresStorage({ pool: testPool(database.url) })
        : postgresStorage({ knex: testKnex(database.url) })) as Storage<Knex.Transaction | PgTransaction>;

    test("a rolled back transaction leaves no row, and its own error passes unchanged", async () => {
      const storage = open();
      const before = await recorded(storage);
      const mine = new Error("mine");
      const failing = storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [newMessage(), newMessage()]);
        throw mine;
      });
      await expect(failing).rejects.toBe(mine);
      expect(await recorded(storage)).toBe(before);
    });

    test("a savepoint that fails undoes its messages only", async () => {
      const storage = open();
      const before = await recorded(storage);
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [newMessage()]);
        const inner = storage.savepoint(tx, async (nested) => {
          await storage.outbox.append(nested, [newMessage()]);
          throw new Error("inner");
        });
        await expect(inner).rejects.toThrow("inner");
      });
      expect(await recorded(storage)).toBe(before + 1);
    });

    test("after a commit the hint comes, after a rollback and for a swallowed failure it does not", async () => {
      const storage = open();
      const heard: string[] = [];
      await storage.transaction(async (tx) => {
        await storage.outbox.append(tx, [newMessage()]);
        const ring = (): unknown => heard.push("commit");
        for (let sends = 0; sends < 20; sends += 1) storage.outbox.afterCommit(tx, ring);
        await storage.savepoint(tx, async (nested) =>
          storage.outbox.afterCommit(nested, () => heard.push("nested")),
        );
        expect(heard).toEqual([]);
      });
      expect(heard).toEqual(["commit", "nested"]);
      const failing = storage.transaction(async (tx) => {
        storage.outbox.afterCommit(tx, () => heard.push("rollback"));
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      const swallowed = storage.transaction(async (tx) => {
        storage.outbox.afterCommit(tx, () => heard.push("swallowed"));
        await storage.outbox.append(tx, [newMessage({ id: "no uuid" })]).catch(() => undefined);
      });
      await expect(swallowed).rejects.toEqual(code("STORAGE_FAILED"));
      expect(heard).toHaveLength(2);
    });

    test("a connection that is lost while committing leaves the outcome unknown; before, nothing happened", async () => {
      const storage = open();
      const admin = testPool(database.url);
      await admin.query("drop table if exists slow; create table slow (pid int)");
      await admin.query(`create or replace function slow_commit() returns trigger language plpgsql as
        $$ begin perform pg_advisory_lock_shared(4242); return null; end $$`);
      await admin.query(
        "create constraint trigger slow after insert on slow deferrable initially deferred for each row execute function slow_commit()",
      );
      const locker = await admin.connect();
      await locker.query("select pg_advisory_lock(4242)");
      const query = (tx: Knex.Transaction | PgTransaction): Promise<unknown> =>
        "raw" in tx
          ? Promise.resolve(tx.raw("insert into slow values (pg_backend_pid())"))
          : tx.query("insert into slow values (pg_backend_pid())");
      const committing = storage.transaction(query);
      committing.catch(() => undefined);
      const waiting =
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'commit%'";
      const pid = await waitFor(async () => (await admin.query<{ pid: number }>(waiting)).rows[0]?.pid);
      await admin.query("select pg_terminate_backend($1)", [pid]);
      await expect(committing).rejects.toEqual(code("COMMIT_UNKNOWN"));
      await locker.query("select pg_advisory_unlock(4242)");
      locker.release();

      const lost = storage.transaction(async (tx) => {
        const text = "select pg_backend_pid() as pid";
        const answer: { rows: { pid: number }[] } = "raw" in tx ? await tx.raw(text) : await tx.query(text);
        const { rows } = answer;
        await admin.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
        await waitFor(
          async () =>
            (await admin.query("select 1 from pg_stat_activity where pid = $1", [rows[0]?.pid])).rowCount ===
            0,
        );
        await storage.outbox.append(tx, [newMessage()]);
      });
      await expect(lost).rejects.toEqual(code("STORAGE_UNAVAILABLE"));
      expect(await storage.check(SOURCE)).toMatchObject({ source: SOURCE });
    });

    test("deferred constraints of the user fail with the user's error", async () => {
      const storage = open();
      const admin = testPool(database.url);
      await admin.query("create table if not exists once (n int unique deferrable initially deferred)");
      const twice = "insert into once values (1), (1)";
      const failing = storage.transaction(async (tx) => {
        if ("raw" in tx) await tx.raw(twice);
        else await tx.query(twice);
      });
      await expect(failing).rejects.toMatchObject({ code: "23505" });
      await expect(failing.catch((error: unknown) => isWaybillError(error))).resolves.toBe(false);
    });

    test("keys that are locked make others wait until the transaction ends", async () => {
      const storage = open();
      const order: string[] = [];
      const keys = [
        { topic: "t", key: "b" },
        { topic: "t", key: "a" },
      ];
      let second: Promise<void> | undefined;
      await storage.transaction(async (tx) => {
        await storage.outbox.lockKeys(tx, keys);
        second = storage.transaction(async (other) => {
          await storage.outbox.lockKeys(other, keys.toReversed());
          order.push("second");
        });
        const admin = testPool(database.url);
        await waitFor(
          async () =>
            (await admin.query("select 1 from pg_locks where locktype = 'advisory' and not granted"))
              .rowCount === 1,
        );
        order.push("first");
      });
      await second;
      expect(order).toEqual(["first", "second"]);
    });
  });

  test("what is not an open pg transaction is refused", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const client = await pool.connect();
    expect(() => pgTransaction(client)).toThrow(code("NOT_IN_TRANSACTION"));
    expect(() => storage.outbox.assertTransaction(pool as never)).toThrow(code("NOT_IN_TRANSACTION"));
    expect(() => storage.outbox.assertTransaction(undefined as never)).toThrow(code("NOT_IN_TRANSACTION"));
    await client.query("begin");
    const tx = pgTransaction(client);
    await expect(client.query("select 1/0")).rejects.toThrow("division");
    await waitFor(() => client.getTransactionStatus() === "E");
    expect(() => storage.outbox.assertTransaction(tx)).toThrow(/failed/);
    await client.query("rollback");
    await expect(storage.outbox.append(tx, [newMessage()])).rejects.toEqual(code("NOT_IN_TRANSACTION"));
    client.release();
  });

  test("what is not an open knex transaction is refused", async () => {
    const knex = testKnex(database.url);
    const storage = postgresStorage({ knex });
    expect(() => storage.outbox.assertTransaction(knex as never)).toThrow(code("NOT_IN_TRANSACTION"));
    const tx = await knex.transaction();
    storage.outbox.assertTransaction(tx);
    await tx.commit();
    expect(() => storage.outbox.assertTransaction(tx)).toThrow(code("NOT_IN_TRANSACTION"));
    const failed = await knex.transaction();
    await expect(failed.raw("select 1/0")).rejects.toThrow("division");
    await expect(storage.outbox.append(failed, [newMessage()])).rejects.toMatchObject({
      name: "WaybillError",
    });
    await failed.rollback();
  });

  test("types: a pool, a plain client and a knex instance do not compile as transactions", () => {
    const refuse = (send: () => unknown): void => expect(send).toBeTypeOf("function");
    const pool = testPool(database.url);
    const knex = testKnex(database.url);
    const onPool = postgresStorage({ pool });
    const onKnex = postgresStorage({ knex });
    // @ts-expect-error a pool is no transaction
    refuse(() => onPool.outbox.append(pool, []));
    // @ts-expect-error a client may have no open transaction
    refuse(async () => onPool.outbox.append(await pool.connect(), []));
    // @ts-expect-error a knex instance is no transaction
    refuse(() => onKnex.outbox.append(knex, []));
    refuse(() => inTransaction(pool, (tx) => onPool.outbox.append(tx, [])));
    refuse(() => knex.transaction((tx) => onKnex.outbox.append(tx, [])));
  });

  test("wrong options are refused, each with its name", async () => {
    const pool = testPool(database.url);
    const wrong =
      (options: unknown): (() => unknown) =>
      () =>
        postgresStorage(options as { pool: typeof pool });
    expect(wrong({ pool, shcema: "x" })).toThrow(/shcema/);
    expect(wrong({})).toThrow(/either knex or pool/);
    expect(wrong({ pool, schema: "" })).toThrow(/schema/);
    expect(wrong({ pool: {} })).toThrow(/a pg Pool/);
    const knex = testKnex(database.url);
    const tx = await knex.transaction();
    expect(wrong({ knex: tx })).toThrow(/not a transaction/);
    await tx.rollback();
  });

  test("a database that cannot be reached is STORAGE_UNAVAILABLE, which is retryable", async () => {
    const pool = testPool("postgres://nobody@127.0.0.1:1/none");
    const storage = postgresStorage({ pool });
    await expect(storage.check(SOURCE)).rejects.toEqual(code("STORAGE_UNAVAILABLE"));
    await expect(storage.transaction(async () => undefined)).rejects.toMatchObject({ retryable: true });
    const knex = testKnex("postgres://nobody@127.0.0.1:1/none");
    await expect(postgresStorage({ knex }).check(SOURCE)).rejects.toEqual(code("STORAGE_UNAVAILABLE"));
    await expect(postgresStorage({ knex }).transaction(async () => undefined)).rejects.toEqual(
      code("STORAGE_UNAVAILABLE"),
    );
  });
});

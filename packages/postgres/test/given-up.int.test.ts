import type { Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";
import connect from "knex";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate, postgresStorage } from "../src/index.ts";

const database = testDatabase({
  prepare: async (url) => {
    await migrate({ connectionString: url }, { source: "orders" });
  },
});

interface Way {
  readonly storage: Storage<unknown>;
  readonly query: (tx: unknown, text: string) => Promise<unknown>;
}

const ways = {
  pg: (): Way => {
    const pool = new Pool({ connectionString: database.url, max: 2 });
    onTestFinished(() => pool.end());
    const storage = postgresStorage({ pool }) as Storage<unknown>;
    return { storage, query: (tx, text) => (tx as Pool).query(text) };
  },
  knex: (): Way => {
    const knex = connect({ client: "pg", connection: database.url, pool: { min: 0, max: 2 } });
    onTestFinished(() => knex.destroy());
    const storage = postgresStorage({ knex }) as Storage<unknown>;
    return { storage, query: async (tx, text) => (tx as typeof knex).raw(text) };
  },
};

const observer = (): Pool => {
  const pool = new Pool({ connectionString: database.url, max: 1 });
  onTestFinished(() => pool.end());
  return pool;
};

test.each(["pg", "knex"] as const)(
  "a transaction that is given up ends at once, on the server too, and its connection serves nobody again (%s)",
  async (name) => {
    const { storage, query } = ways[name]();
    const watch = observer();
    await watch.query("create table if not exists given_up (way text)");
    const controller = new AbortController();
    const began = Promise.withResolvers<unknown>();
    const giving = storage.transaction(
      async (tx) => {
        await query(tx, `insert into given_up values ('${name}')`);
        began.resolve(tx);
        await query(tx, "select pg_sleep(60)");
      },
      { signal: controller.signal },
    );
    giving.catch(() => undefined);
    const tx = await began.promise;
    const sleeping = async (): Promise<number | null> =>
      (
        await watch.query(
          "select 1 from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
        )
      ).rowCount;
    await waitFor(async () => (await sleeping()) === 1, { describe: "the statement running" });

    controller.abort(new Error("too slow"));
    await expect(giving).rejects.toThrow("too slow");
    await expect(query(tx, "select 1")).rejects.toBeInstanceOf(Error);
    await waitFor(async () => (await sleeping()) === 0, { describe: "the server noticing" });
    expect((await watch.query("select from given_up where way = $1", [name])).rowCount).toBe(0);
    const later = storage.transaction((next) => query(next, "select pg_backend_pid()"));
    await expect(later).resolves.toBeDefined();
  },
);

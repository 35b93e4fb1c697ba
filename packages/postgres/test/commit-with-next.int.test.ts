import { randomUUID } from "node:crypto";
import {
  createConsumer,
  createOutbox,
  defineTopic,
  memoryBroker,
  partitionOf,
  type ClaimRequest,
  type Envelope,
  type Storage,
} from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, testPool } from "./support/test-storage.ts";

const database = migratedDatabase();

interface Taken {
  readonly pid: number;
}

interface Outcomes {
  readonly first: Promise<Taken>;
  readonly second: Promise<Taken>;
}

function claimOf(group: string, received: Envelope): ClaimRequest {
  return { group, envelope: received, ordered: true, parkedId: null };
}

/** A transaction that does `work`, and one that begins when the first is about to be committed. */
function oneAfterTheOther(
  storage: Storage<PgTransaction>,
  work: (tx: PgTransaction) => Promise<unknown>,
  { group = randomUUID(), next = envelope() }: { readonly group?: string; readonly next?: Envelope } = {},
): Outcomes {
  const second = Promise.withResolvers<Taken>();
  const first = storage.claimed(
    claimOf(group, envelope({ key: randomUUID() })),
    async (tx) => {
      const pid = await pidOf(tx);
      await work(tx);
      return { pid };
    },
    {
      onCommit: () => {
        storage
          .claimed(claimOf(group, next), async (tx) => {
            await tx.query("insert into effect values ('second')");
            return { pid: await pidOf(tx) };
          })
          .then(second.resolve, second.reject);
      },
    },
  );
  first.catch(() => undefined);
  second.promise.catch(() => undefined);
  return { first, second: second.promise };
}

async function pidOf(tx: PgTransaction): Promise<number> {
  const { rows } = await tx.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** A table whose rows run `statement` when they are committed. */
async function atCommit(statement: string): Promise<Pool> {
  const pool = testPool(database.url, 2);
  await pool.query(`
    create table if not exists effect (what text);
    truncate effect;
    drop table if exists trap;
    create table trap (what text);
    create or replace function spring() returns trigger language plpgsql as $$ begin ${statement}; return null; end $$;
    create constraint trigger spring after insert on trap deferrable initially deferred
      for each row execute function spring()`);
  return pool;
}

const effects = async (pool: Pool): Promise<unknown[]> =>
  (await pool.query<{ what: string }>("select what from effect order by what")).rows.map(({ what }) => what);

test("the next transaction begins on the connection whose COMMIT goes with it, and both are committed", async () => {
  const pool = await atCommit("null");
  const storage = postgresStorage({ pool });
  const { first, second } = oneAfterTheOther(storage, (tx) =>
    tx.query("insert into effect values ('first')"),
  );
  expect((await second).pid).toBe((await first).pid);
  expect(await effects(pool)).toEqual(["first", "second"]);
});

test("a COMMIT is answered while the next transaction still waits for the lock of its key", async () => {
  const pool = await atCommit("null");
  const storage = postgresStorage({ pool });
  const group = randomUUID();
  const key = randomUUID();
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const holder = storage.claimed(claimOf(group, envelope({ key })), async () => {
    held.resolve();
    await release.promise;
  });
  await held.promise;
  const { first, second } = oneAfterTheOther(
    storage,
    (tx) => tx.query("insert into effect values ('first')"),
    {
      group,
      next: envelope({ key }),
    },
  );
  await first;
  expect(await effects(testPool(database.url, 1))).toEqual(["first"]);
  release.resolve();
  await holder;
  await second;
  expect(await effects(pool)).toEqual(["first", "second"]);
});

test("a COMMIT that the server refuses fails its own transaction only", async () => {
  const pool = await atCommit("raise exception 'no' using errcode = '23514'");
  const storage = postgresStorage({ pool });
  const { first, second } = oneAfterTheOther(storage, (tx) => tx.query("insert into trap values ('x')"));
  await expect(first).rejects.toMatchObject({ code: "23514" });
  await second;
  expect(await effects(pool)).toEqual(["second"]);
});

test("a transaction that was rolled back at COMMIT because an error was swallowed fails alone", async () => {
  const pool = await atCommit("null");
  const storage = postgresStorage({ pool });
  const { first, second } = oneAfterTheOther(storage, async (tx) => {
    await tx.query("insert into effect values ('first')");
    await tx.query("select no_such_column").catch(() => undefined);
  });
  await expect(first).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  await second;
  expect(await effects(pool)).toEqual(["second"]);
});

test("a connection that is lost during COMMIT: that outcome is unknown, and nothing of the next happened", async () => {
  const pool = await atCommit("perform pg_terminate_backend(pg_backend_pid())");
  const storage = postgresStorage({ pool });
  const { first, second } = oneAfterTheOther(storage, (tx) => tx.query("insert into trap values ('x')"));
  await expect(first).rejects.toMatchObject({ code: "COMMIT_UNKNOWN" });
  await expect(second).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  expect(await effects(pool)).toEqual([]);
  await waitFor(() => pool.totalCount === 1 && pool.idleCount === 1);
});

test("a next transaction that cannot begin leaves the COMMIT before it alone", async () => {
  const pool = await atCommit("null");
  const storage = postgresStorage({ pool });
  const position = { incarnation: "no uuid", sequence: 1 };
  const { first, second } = oneAfterTheOther(
    storage,
    (tx) => tx.query("insert into effect values ('first')"),
    {
      next: envelope({ position }),
    },
  );
  await expect(second).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  await first;
  expect(await effects(pool)).toEqual(["first"]);
});

const Moved = defineTopic("stock.moved", { version: 1, schema: z.object({ n: z.number() }) });

test("a consumer whose COMMITs fail now and then: each effect once, in the order of its key", async () => {
  const pool = testPool(database.url, 6);
  await pool.query(`
    create sequence tries;
    create table moved (key text, n integer, place bigint generated always as identity);
    create function fail_sometimes() returns trigger language plpgsql as $$ begin
      if nextval('tries') % 7 = 0 then raise exception 'not now' using errcode = '40001'; end if; return null; end $$;
    create constraint trigger fail_sometimes after insert on moved deferrable initially deferred
      for each row execute function fail_sometimes()`);
  const storage = postgresStorage({ pool });
  const broker = memoryBroker();
  await broker.open();
  const group = `group-${randomUUID()}`;
  const consumer = createConsumer({
    group,
    source: "stock",
    storage,
    broker,
    outbox: createOutbox({ source: "stock", storage }),
    options: { concurrency: 3, prefetch: 200 },
  });
  let running = 0;
  let most = 0;
  consumer.on(Moved, async ({ n }, { tx, message }) => {
    running += 1;
    most = Math.max(most, running);
    await tx.query("insert into moved (key, n) values ($1, $2)", [message.key, n]);
    running -= 1;
  });
  await broker.declareGroup(group, [Moved.name]);
  const incarnation = randomUUID();
  const sequences = new Map<number, number>();
  const batch = Array.from({ length: 300 }, (_, n): Envelope => {
    const key = `key-${n % 10}`;
    const partition = partitionOf(key, "", 32);
    const sequence = sequences.get(partition) ?? 0;
    sequences.set(partition, sequence + 1);
    const payload = Buffer.from(JSON.stringify({ n }));
    return {
      ...envelope({ topic: Moved.name, key, partition, payload }),
      position: { incarnation, sequence },
    };
  });
  await broker.publish(batch, { fence: null, timeoutMs: 10_000 });
  await consumer.start();
  onTestFinished(() => consumer.stop());
  await waitFor(
    async () => {
      await consumer.runParked(); // What failed too often at once.
      const moved = await pool.query<{ count: number }>("select count(*)::integer as count from moved");
      return (moved.rows[0]?.count ?? 0) >= batch.length;
    },
    { deadlineMs: 40_000, intervalMs: 50 },
  );
  const { rows } = await pool.query<{ key: string; ns: number[] }>(
    "select key, array_agg(n order by place) as ns from moved group by key",
  );
  expect(rows).toHaveLength(10);
  for (const { ns } of rows) expect(ns).toEqual([...new Set(ns)].sort((one, other) => one - other));
  expect(most).toBe(3);
});

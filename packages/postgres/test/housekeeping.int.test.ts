import type { Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Pool } from "pg";
import { describe, expect, test } from "vitest";
import { pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { migratedDatabase, newMessage, send, step, testKnex, testPool } from "./support/test-storage.ts";

const LEAF_SECONDS = 129_600;

/** Moves what is in the leaf that is written to now into the leaf before it, as time would. */
async function age(pool: Pool, leavesBack: number): Promise<void> {
  const set = `created_at = created_at - ${leavesBack} * interval '${LEAF_SECONDS} s', leaf = (leaf + 4 - ${leavesBack}) % 4`;
  await pool.query(
    `update waybill.outbox set ${set}, xid = xid where leaf = (floor(date_part('epoch', now()) / ${LEAF_SECONDS})::bigint % 4)`,
  );
}

async function settleAll(storage: Storage<PgTransaction>): Promise<void> {
  const answer = await storage.relay.acquire("relay", 60_000);
  if (answer.kind !== "acquired") throw new Error("held");
  const opened = await storage.outbox.openWindow("1:1:", 1);
  await storage.relay.apply(answer.lease, step(opened.to));
}

/** A transaction that runs anywhere on the server, in another test too, puts purging off until it has ended. */
async function purgeOne(storage: Storage<PgTransaction>): Promise<void> {
  await waitFor(async () => {
    await settleAll(storage);
    return (await storage.outbox.purge(0)) === 1;
  });
}

async function rows(pool: Pool): Promise<number> {
  return Number((await pool.query<{ count: string }>("select count(*) from waybill.outbox")).rows[0]?.count);
}

describe("purge", () => {
  const database = migratedDatabase({ leafSeconds: LEAF_SECONDS });
  const open = async (): Promise<{ pool: Pool; storage: Storage<PgTransaction> }> => {
    const pool = testPool(database.url);
    await pool.query("truncate waybill.outbox");
    return { pool, storage: postgresStorage({ pool }) };
  };

  test("frees what is settled and old enough, never what is recent", async () => {
    const { pool, storage } = await open();
    await send(storage, newMessage(), newMessage());
    await settleAll(storage);
    expect(await storage.outbox.purge(0)).toBe(0);
    await age(pool, 1);
    await settleAll(storage);
    expect(await storage.outbox.purge(LEAF_SECONDS * 2_000)).toBe(0);
    expect(await rows(pool)).toBe(2);
    await purgeOne(storage);
    expect(await rows(pool)).toBe(0);
    expect(await storage.outbox.purge(0)).toBe(0);
  });

  test("keeps what no relay has settled", async () => {
    const { pool, storage } = await open();
    await settleAll(storage);
    await send(storage, newMessage());
    await age(pool, 2);
    expect(await storage.outbox.purge(0)).toBe(0);
    expect(await rows(pool)).toBe(1);
  });

  test("waits for nobody: a transaction that may still commit into the leaf keeps it, and its row is not lost", async () => {
    const { pool, storage } = await open();
    await send(storage, newMessage());
    await age(pool, 2);
    const leaf = (await pool.query<{ leaf: number }>("select leaf from waybill.outbox")).rows[0]?.leaf ?? 0;
    const late = await pool.connect();
    await late.query("begin");
    await late.query(`insert into waybill.outbox (leaf, topic, version, partition, message_id, headers, content_type, payload)
      values (${leaf}, 'late', 1, 0, gen_random_uuid(), '{}', 'x', '')`);
    await settleAll(storage);
    const startedAt = performance.now();
    const purging = storage.outbox.purge(0);
    await send(storage, newMessage());
    expect(await purging).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await late.query("commit");
    late.release();
    expect(await storage.outbox.purge(0)).toBe(0);
    expect(await rows(pool)).toBe(3);
    await settleAll(storage);
    await pool.query(
      "update waybill.outbox set created_at = created_at - interval '5 days' where topic = 'late'",
    );
    await purgeOne(storage);
    expect(await rows(pool)).toBe(1);
  });

  test("a retention that the leaves cannot hold is refused instead of never purging", async () => {
    const { storage } = await open();
    await expect(storage.outbox.purge(LEAF_SECONDS * 2_000 + 1)).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
    });
  });

  test("senders go on while purges run all the time", async () => {
    const { pool, storage } = await open();
    const sending = new AbortController();
    const purging = (async () => {
      while (!sending.signal.aborted) await storage.outbox.purge(0);
    })();
    for (let n = 0; n < 100; n += 1) {
      const client = await pool.connect();
      await client.query("begin");
      await storage.outbox.append(pgTransaction(client), [newMessage()]);
      await client.query("commit");
      client.release();
    }
    sending.abort();
    await purging;
    expect(await rows(pool)).toBe(100);
  });
});

describe("jobs", () => {
  const database = migratedDatabase();

  test("one of many processes runs a job, and none again until its time", async () => {
    const storage = postgresStorage({ pool: testPool(database.url) });
    const begin = (owner: string, leaseMs = 60_000, notWithinMs = 60_000): Promise<boolean> =>
      storage.jobs.begin({ name: "purge", schedule: "* * * * *", owner, leaseMs, notWithinMs });
    const answers = await Promise.all(["a", "b", "c", "d"].map((owner) => begin(owner)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    const owner = ["a", "b", "c", "d"][answers.indexOf(true)] ?? "";
    expect(await storage.jobs.list()).toMatchObject([
      { name: "purge", runningOn: owner, lastOutcome: null, nextRunAt: null },
    ]);
    await storage.jobs.finish({
      name: "purge",
      owner: "z",
      outcome: "failed",
      detail: "not mine",
      nextRunInMs: 1,
    });
    await storage.jobs.finish({
      name: "purge",
      owner,
      outcome: "ok",
      detail: "1 table",
      nextRunInMs: 60_000,
    });
    const [record] = await storage.jobs.list();
    expect(record).toMatchObject({
      runningOn: null,
      lastOutcome: "ok",
      lastDetail: "1 table",
      schedule: "* * * * *",
    });
    expect(record?.nextRunAt).toBeGreaterThan(record?.lastFinishedAt ?? 0);
    expect(await begin("z")).toBe(false);
    expect(await begin("z", 0, 0)).toBe(true);
    expect(await begin("y", 60_000, 60_000)).toBe(false);
    expect(await begin("y", 60_000, 0)).toBe(true);
  });
});

describe("nudges", () => {
  const database = migratedDatabase();

  test.each(["pg", "knex"])(
    "reach listeners in other processes, also after the connection was lost (%s)",
    async (driver) => {
      const storage =
        driver === "pg"
          ? postgresStorage({ pool: testPool(database.url) })
          : postgresStorage({ knex: testKnex(database.url) });
      const elsewhere = postgresStorage({ pool: testPool(database.url) });
      let heard = 0;
      const stop = await storage.outbox.onNudge(() => (heard += 1));
      const nudgeUntilHeard = (): Promise<unknown> =>
        waitFor(async () => {
          await elsewhere.outbox.nudge();
          return heard > 0;
        });
      await nudgeUntilHeard();
      const admin = testPool(database.url);
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()",
      );
      heard = 0;
      await nudgeUntilHeard();
      await stop();
    },
  );

  test("a pool of one is not used up by listening, and another schema hears nothing", async () => {
    const one = postgresStorage({ pool: testPool(database.url, 1) });
    const stopOne = await one.outbox.onNudge(() => undefined);
    await one.outbox.nudge();
    await stopOne();
    const other = postgresStorage({ pool: testPool(database.url), schema: "other" });
    let heard = 0;
    await other.outbox.onNudge(() => (heard += 1));
    await one.outbox.nudge();
    await one.outbox.nudge();
    expect(heard).toBe(0);
    await other[Symbol.asyncDispose]();
  });
});

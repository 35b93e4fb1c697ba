import { createWaybill, type Storage, type Waybill } from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Knex } from "knex";
import { describe, expect, test } from "vitest";
import { pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { migratedDatabase, newMessage, SOURCE, testKnex, testPool } from "./support/test-storage.ts";

type Tx = Knex.Transaction | PgTransaction;

const group = "payments";
const key = { group, messageId: "evt_1" };
const id = (messageId: string): string => messageId;
const ADD = "update balance set paid = paid + 1";

/** A statement of the user's in the transaction of either driver. */
async function execute(tx: Tx, sql: string): Promise<void> {
  if ("raw" in tx) await tx.raw(sql);
  else await tx.query(sql);
}

describe.each(["pg", "knex"])("once and idempotent with %s", (driver) => {
  const database = migratedDatabase();

  async function bed(connectionsMax = 10) {
    const admin = testPool(database.url);
    await admin.query("create table if not exists balance (paid integer not null)");
    await admin.query("truncate balance, waybill.inbox, waybill.outbox; insert into balance values (0)");
    const storage = (driver === "pg"
      ? postgresStorage({ pool: testPool(database.url, connectionsMax) })
      : postgresStorage({ knex: testKnex(database.url, connectionsMax) })) as unknown as Storage<Tx>;
    const waybill: Waybill<Tx> = createWaybill({ source: SOURCE, storage });
    const paid = async (): Promise<number> =>
      Number((await admin.query<{ paid: number }>("select paid from balance")).rows[0]?.paid);
    const waiting = async (): Promise<boolean> => {
      const blocked =
        "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%inbox_record%'";
      return (await admin.query(blocked)).rowCount === 1;
    };
    /** Records the message in a transaction that stays open until the answer is called. */
    const firstIsOpen = async (): Promise<(outcome: string) => Promise<void>> => {
      const begun = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<string>();
      const first = storage.transaction(async (tx) => {
        expect(await storage.inbox.record(tx, group, key.messageId)).toEqual({ first: true });
        begun.resolve();
        if ((await finish.promise) !== "commits") throw new Error("rolls back");
      });
      first.catch(begun.reject);
      await begun.promise;
      return async (outcome) => {
        finish.resolve(outcome);
        await first.catch(() => undefined);
      };
    };
    return { admin, storage, waybill, paid, waiting, firstIsOpen };
  }

  test("called by many at once, the effect happens once and all get its answer", async () => {
    const { waybill, paid } = await bed();
    const pay = waybill.idempotent(
      async (_id: string) => {
        await execute(waybill.currentTransaction(), ADD);
        return { receipt: "№ 1", odd: "\u0000\ud800" };
      },
      { group, id, storeResult: true },
    );
    const answers = await Promise.all(Array.from({ length: 12 }, () => pay("evt_1")));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toEqual({ receipt: "№ 1", odd: "\u0000\ud800" });
    expect(await paid()).toBe(1);
  });

  test.each(["commits", "rolls back"])(
    "a copy waits in the database for the first, which %s",
    async (outcome) => {
      const { waybill, storage, paid, waiting, firstIsOpen } = await bed();
      const end = await firstIsOpen();
      const second = storage.transaction((tx) => waybill.inbox.once(tx, key, (inner) => execute(inner, ADD)));
      await waitFor(waiting);
      await end(outcome);
      expect(await second).toBe(outcome === "commits" ? "duplicate" : "done");
      expect(await paid()).toBe(outcome === "commits" ? 0 : 1);
    },
    20_000,
  );

  test.each(["repeatable read", "serializable"])(
    "under %s a copy that cannot see the first is a conflict, and the duplicate when it is tried again",
    async (level) => {
      const { admin, waybill, paid, storage, waiting, firstIsOpen } = await bed();
      const inTransaction = stricter(database.url, driver);
      const apply = (before: () => Promise<unknown>): Promise<string> =>
        inTransaction(level, async (tx) => {
          await execute(tx, "select * from balance");
          await before();
          return waybill.inbox.once(tx, key, (inner) => execute(inner, ADD));
        });
      const conflict = { code: "TRANSACTION_CONFLICT", retryable: true, cause: { code: "40001" } };
      // Committed after the snapshot was taken.
      const first = (): Promise<unknown> =>
        storage.transaction((tx) => waybill.inbox.once(tx, key, (inner) => execute(inner, ADD)));
      await expect(apply(first)).rejects.toMatchObject(conflict);
      expect(await apply(async () => undefined)).toBe("duplicate");
      expect(await paid()).toBe(1);

      // Still open when the copy arrives.
      await admin.query("truncate waybill.inbox");
      const end = await firstIsOpen();
      const second = apply(async () => undefined);
      second.catch(() => undefined);
      await waitFor(waiting);
      await end("commits");
      await expect(second).rejects.toMatchObject(conflict);
      expect(await paid()).toBe(1);
    },
  );

  test("one connection is enough, however deep transactional calls are nested", async () => {
    const { waybill, paid } = await bed(1);
    const pay = waybill.idempotent(async (_id: string) => execute(waybill.currentTransaction(), ADD), {
      group,
      id,
    });
    const both = waybill.transactional(async () => {
      await pay("evt_1");
      await waybill.runInTransaction(() => pay("evt_2"));
      await pay("evt_1");
    });
    await Promise.all([both(), both(), both()]);
    expect(await paid()).toBe(2);
  });

  test("work that outlives its transaction never runs in the one that has its connection next", async () => {
    const { waybill, storage, admin } = await bed(1);
    const next = Promise.withResolvers<void>();
    const outcomes: unknown[] = [];
    const late = async (tx: Tx): Promise<void> => {
      await next.promise;
      const results = await Promise.allSettled([
        execute(tx, ADD),
        storage.outbox.append(tx, [newMessage()]),
        (async () => waybill.currentTransaction())(),
      ]);
      outcomes.push(...results.map((result) => (result.status === "rejected" ? result.reason : "ran")));
    };
    let lingering: Promise<void> | undefined;
    await waybill.runInTransaction((tx) => {
      lingering = late(tx);
    });
    await waybill.runInTransaction(async (tx) => {
      await execute(tx, "select 1");
      next.resolve();
      await lingering;
    });
    expect(outcomes).toHaveLength(3);
    expect(outcomes).not.toContain("ran");
    expect(outcomes.slice(1)).toEqual(
      Array.from({ length: 2 }, () => expect.objectContaining({ code: "NOT_IN_TRANSACTION" })),
    );
    expect((await admin.query("select from waybill.outbox")).rowCount).toBe(0);
  });

  test("old ids are found by their index, beside any number of records with a position", async () => {
    const { admin, storage } = await bed();
    await admin.query(`insert into waybill.inbox (consumer_group, message_id, stream_id, sequence, applied_at)
      select 'g', gen_random_uuid(), 1, n, now() - interval '40 days' from generate_series(1, 20000) n`);
    await admin.query(`insert into waybill.inbox (consumer_group, message_id, applied_at)
      select 'g', gen_random_uuid(), now() - n * interval '1 day' from generate_series(1, 50) n`);
    await admin.query("analyze waybill.inbox");
    const { rows } = await admin.query<{ "QUERY PLAN": string }>(
      "explain select ctid from waybill.inbox where stream_id is null and applied_at <= now() - interval '30 days' order by applied_at limit 5000 for update skip locked",
    );
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("inbox_age");
    expect(await storage.inbox.forget(30 * 86_400_000, 5_000)).toBe(21);
    expect((await admin.query("select from waybill.inbox")).rowCount).toBe(20_029);
  });
});

/** Runs work in a transaction that the test begins itself, at a stricter level. */
function stricter(url: string, driver: string) {
  return async <T>(level: string, work: (tx: Tx) => Promise<T>): Promise<T> => {
    if (driver === "knex") {
      const isolationLevel = level as Knex.IsolationLevels;
      return testKnex(url).transaction((tx) => work(tx), { isolationLevel });
    }
    const client = await testPool(url).connect();
    try {
      await client.query(`begin isolation level ${level}`);
      const result = await work(pgTransaction(client));
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  };
}

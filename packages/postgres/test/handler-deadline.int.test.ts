import { randomUUID } from "node:crypto";
import type { ClaimRequest, Storage } from "@waybill/core";
import { waitFor } from "@waybill/services";
import type { Knex } from "knex";
import type { PoolClient } from "pg";
import { describe, expect, test } from "vitest";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, newParked, testKnex, testPool } from "./support/test-storage.ts";

const GROUP = "slow";

const database = migratedDatabase();

const request = (): ClaimRequest => ({
  group: GROUP,
  envelope: envelope({ key: "k", position: { incarnation: randomUUID(), sequence: 0 } }),
  ordered: true,
  parkedId: null,
});

/** The processes of the server that still have a session with this id. */
async function sessions(pid: number): Promise<number> {
  const { rowCount } = await testPool(database.url, 1).query("select from pg_stat_activity where pid = $1", [
    pid,
  ]);
  return rowCount ?? 0;
}

async function parkedCount(): Promise<number> {
  const { rows } = await testPool(database.url, 1).query<{ count: number }>(
    "with gone as (delete from waybill.parked returning 1) select count(*)::integer as count from gone",
  );
  return rows[0]?.count ?? -1;
}

interface Way<Tx> {
  readonly storage: Storage<Tx>;
  readonly run: (tx: Tx, text: string) => Promise<unknown>;
  readonly pidOf: (tx: Tx) => Promise<number>;
}

function withPg(): Way<PgTransaction> {
  return {
    storage: postgresStorage({ pool: testPool(database.url, 1) }),
    run: (tx, text) => tx.query(text),
    pidOf: async (tx) =>
      (await tx.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid ?? 0,
  };
}

function withKnex(): Way<Knex.Transaction> {
  return {
    storage: postgresStorage({ knex: testKnex(database.url, 1) }),
    run: (tx, text) => tx.raw(text),
    pidOf: async (tx) =>
      (await tx.raw<{ rows: { pid: number }[] }>("select pg_backend_pid() as pid")).rows[0]?.pid ?? 0,
  };
}

/**
 * A handler past its deadline, on a pool of one connection: nobody could help from another one. Answers the session, and
 * what the statements that it had begun came to.
 */
async function pastDeadline<Tx>(
  { storage, run, pidOf }: Way<Tx>,
  statements: readonly string[],
): Promise<{ readonly pid: number; readonly outcomes: readonly unknown[] }> {
  const outcomes: Promise<unknown>[] = [];
  let pid = 0;
  await storage.claimed(request(), async (tx) => {
    pid = await pidOf(tx);
    const late = storage.savepoint(
      tx,
      async (inner) => {
        await storage.parked.park(inner, newParked({ group: "undone" }));
        for (const text of statements) {
          outcomes.push(run(inner, text).catch((error: { code?: string }) => error.code ?? "lost"));
        }
        await new Promise(() => undefined);
      },
      { signal: AbortSignal.timeout(60) },
    );
    await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
    expect(await pidOf(tx)).toBe(pid);
    await storage.parked.park(tx, newParked({ group: GROUP }));
  });
  return { pid, outcomes: await Promise.all(outcomes) };
}

describe.each([
  ["pg", (statements: readonly string[]) => pastDeadline(withPg(), statements)],
  ["knex", (statements: readonly string[]) => pastDeadline(withKnex(), statements)],
])("a handler past its deadline, with %s", (_name, late) => {
  test("that runs no statement is undone", async () => {
    await late([]);
    expect(await parkedCount()).toBe(1);
  });

  test("whose statement is under way is cancelled, and its transaction goes on at once", async () => {
    const begun = performance.now();
    const { outcomes } = await late(["select pg_sleep(30)"]);
    expect(outcomes).toEqual(["57014"]);
    expect(await parkedCount()).toBe(1);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  test("that has more statements waiting runs none of them", async () => {
    const { outcomes } = await late(["select pg_sleep(30)", "select pg_sleep(30)", "select pg_sleep(30)"]);
    expect(outcomes).toEqual(["57014", "25P02", "25P02"]);
    expect(await parkedCount()).toBe(1);
  });
});

async function servesNobodyElse<Tx>(way: Way<Tx>): Promise<void> {
  const { pid } = await pastDeadline(way, []);
  const next = await way.storage.transaction((tx) => way.pidOf(tx));
  expect(next).not.toBe(pid);
  await waitFor(async () => (await sessions(pid)) === 0);
}

test("pg: a connection that was used past a deadline serves nobody else", () => servesNobodyElse(withPg()));

test("knex: a connection that was used past a deadline serves nobody else", () =>
  servesNobodyElse(withKnex()));

test("where the statement cannot be cancelled the whole transaction is given up, and its session ends", async () => {
  const pool = testPool(database.url, 2);
  // The server heeds no request with a wrong key.
  pool.on("connect", (client: PoolClient & { secretKey?: number }) => (client.secretKey = 1));
  const storage = postgresStorage({ pool });
  const asked = request();
  let pid = 0;
  const given = storage.claimed(asked, async (tx) => {
    await storage.savepoint(
      tx,
      async (inner) => {
        pid = (await inner.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid ?? 0;
        await inner.query("select pg_sleep(60)");
      },
      { signal: AbortSignal.timeout(60) },
    );
  });
  await expect(given).rejects.toMatchObject({ name: "TimeoutError" });
  await waitFor(async () => (await sessions(pid)) === 0);
  expect(await storage.claimed(asked, (_tx, answer) => Promise.resolve(answer))).toBe("claimed");
});

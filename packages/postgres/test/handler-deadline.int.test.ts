import { waitFor } from "@waybill/services";
import type { PoolClient } from "pg";
import { describe, expect, test } from "vitest";
import { postgresStorage } from "../src/index.ts";
import {
  claimOfNew,
  pastDeadline,
  sessions,
  takeParked,
  withKnex,
  withPg,
  type Way,
} from "./support/past-deadline.ts";
import { migratedDatabase, testPool } from "./support/test-storage.ts";

const database = migratedDatabase();

// A pool of one connection: nobody could help from another one.
describe.each([
  ["pg", (statements: readonly string[]) => pastDeadline(withPg(database.url), statements)],
  ["knex", (statements: readonly string[]) => pastDeadline(withKnex(database.url), statements)],
])("a handler past its deadline, with %s", (_name, late) => {
  test("that runs no statement is undone", async () => {
    await late([]);
    expect(await takeParked(database.url)).toBe(1);
  });

  test("whose statement is under way is cancelled, and its transaction goes on at once", async () => {
    const begun = performance.now();
    const { outcomes } = await late(["select pg_sleep(30)"]);
    expect(outcomes).toEqual(["57014"]);
    expect(await takeParked(database.url)).toBe(1);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  test("that has more statements waiting runs none of them", async () => {
    const { outcomes } = await late(["select pg_sleep(30)", "select pg_sleep(30)", "select pg_sleep(30)"]);
    expect(outcomes).toEqual(["57014", "25P02", "25P02"]);
    expect(await takeParked(database.url)).toBe(1);
  });
});

async function servesNobodyElse<Tx>(way: Way<Tx>): Promise<void> {
  const { pid } = await pastDeadline(way, []);
  const next = await way.storage.transaction((tx) => way.pidOf(tx));
  expect(next).not.toBe(pid);
  await waitFor(async () => (await sessions(database.url, pid)) === 0);
}

test("pg: a connection that was used past a deadline serves nobody else", () =>
  servesNobodyElse(withPg(database.url)));

test("knex: a connection that was used past a deadline serves nobody else", () =>
  servesNobodyElse(withKnex(database.url)));

test("where the statement cannot be cancelled the whole transaction is given up, and its session ends", async () => {
  const pool = testPool(database.url, 2);
  // The server heeds no request with a wrong key.
  pool.on("connect", (client: PoolClient & { secretKey?: number }) => (client.secretKey = 1));
  const storage = postgresStorage({ pool });
  const asked = claimOfNew();
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
  await waitFor(async () => (await sessions(database.url, pid)) === 0);
  expect(await storage.claimed(asked, (_tx, answer) => Promise.resolve(answer))).toBe("claimed");
});

import { randomUUID } from "node:crypto";
import type { ClaimRequest, Storage } from "@waybill/core";
import type { Knex } from "knex";
import { expect } from "vitest";
import { postgresStorage, type PgTransaction } from "../../src/index.ts";
import { envelope, newParked, testKnex, testPool } from "./test-storage.ts";

const GROUP = "slow";

/** A claim of a message that nobody has claimed. */
export function claimOfNew(): ClaimRequest {
  return {
    group: GROUP,
    envelope: envelope({ key: "k", position: { incarnation: randomUUID(), sequence: 0 } }),
    ordered: true,
    parkedId: null,
  };
}

/** One way to use a database, with a pool of its own that ends with the test. */
export interface Way<Tx> {
  readonly storage: Storage<Tx>;
  readonly run: (tx: Tx, text: string) => Promise<unknown>;
  readonly pidOf: (tx: Tx) => Promise<number>;
}

export function withPg(url: string, max = 1): Way<PgTransaction> {
  return {
    storage: postgresStorage({ pool: testPool(url, max) }),
    run: (tx, text) => tx.query(text),
    pidOf: async (tx) =>
      (await tx.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid ?? 0,
  };
}

export function withKnex(url: string, max = 1): Way<Knex.Transaction> {
  return {
    storage: postgresStorage({ knex: testKnex(url, max) }),
    run: (tx, text) => tx.raw(text),
    pidOf: async (tx) =>
      (await tx.raw<{ rows: { pid: number }[] }>("select pg_backend_pid() as pid")).rows[0]?.pid ?? 0,
  };
}

/**
 * A handler past its deadline. Answers the session, and what the statements that it had begun came to.
 */
export async function pastDeadline<Tx>(
  { storage, run, pidOf }: Way<Tx>,
  statements: readonly string[],
): Promise<{ readonly pid: number; readonly outcomes: readonly unknown[] }> {
  const outcomes: Promise<unknown>[] = [];
  let pid = 0;
  await storage.claimed(claimOfNew(), async (tx) => {
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

/** How many messages are parked; they are gone then. */
export async function takeParked(url: string): Promise<number> {
  const { rows } = await testPool(url, 1).query<{ count: number }>(
    "with gone as (delete from waybill.parked returning 1) select count(*)::integer as count from gone",
  );
  return rows[0]?.count ?? -1;
}

/** The processes of the server that still have a session with this id. */
export async function sessions(url: string, pid: number): Promise<number> {
  const { rowCount } = await testPool(url, 1).query("select from pg_stat_activity where pid = $1", [pid]);
  return rowCount ?? 0;
}

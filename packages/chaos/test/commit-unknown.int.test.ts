import { createWaybill, isWaybillError, memoryBroker, type Waybill } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  Noted,
  seeded,
  takeNote,
  tcpProxy,
  writeNote,
  type AnyTransaction,
  type StatementFault,
  type InTransaction,
  type TcpProxy,
} from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const ATTEMPTS = 200;
const { database, pool: direct } = preparedDatabase();

async function proxied(): Promise<TcpProxy> {
  const proxy = await tcpProxy(database.url);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

function poolTo(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 6 });
  pool.on("error", () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

function knexTo(url: string): Knex {
  const log = { warn: () => undefined, error: () => undefined };
  const knex = makeKnex({ client: "pg", connection: url, pool: { min: 0, max: 6 }, log });
  onTestFinished(() => knex.destroy());
  return knex;
}

/** A way to commit, with the sender that goes with it. */
interface Way<Tx> {
  readonly waybill: Waybill<Tx>;
  readonly begin: InTransaction<Tx>;
}

function onPool(url: string, own: boolean): Way<PgTransaction> {
  const pool = poolTo(url);
  const storage = postgresStorage({ pool });
  const begin: InTransaction<PgTransaction> = (work) =>
    own ? storage.transaction(work) : inTransaction(pool, work);
  return { waybill: createWaybill({ source: "notes", storage }), begin };
}

function onKnex(url: string, own: boolean): Way<Knex.Transaction> {
  const knex = knexTo(url);
  const storage = postgresStorage({ knex });
  const begin: InTransaction<Knex.Transaction> = (work) =>
    own ? storage.transaction(work) : knex.transaction(work);
  return { waybill: createWaybill({ source: "notes", storage }), begin };
}

const WAYS = {
  "inTransaction (pg)": (url: string) => onPool(url, false),
  "storage.transaction (pg)": (url: string) => onPool(url, true),
  "storage.transaction (knex)": (url: string) => onKnex(url, true),
  "knex.transaction": (url: string) => onKnex(url, false),
} as const;

type WayName = keyof typeof WAYS;
const NAMES = Object.keys(WAYS) as WayName[];

/** The tests are the same for both drivers, so the transaction's type does not matter to them. */
function wayOf(proxy: TcpProxy, name: WayName): Way<AnyTransaction> {
  return WAYS[name](proxy.url) as Way<AnyTransaction>;
}

/** What the caller is told: our own functions know what a lost COMMIT means; knex passes the driver's error on. */
function saysUnknown(name: WayName, error: unknown): boolean {
  if (name !== "knex.transaction") return isWaybillError(error, "COMMIT_UNKNOWN");
  return (
    error instanceof Error &&
    /^COMMIT; - Connection (terminated|ended) unexpectedly$/.test(error.message) &&
    !("code" in error)
  );
}

const isThere = async (key: string): Promise<boolean> =>
  ((await direct().query("select from noted where key = $1", [key])).rowCount ?? 0) > 0;
const isRecorded = async (key: string): Promise<boolean> =>
  ((await direct().query("select from waybill.outbox where key = $1", [key])).rowCount ?? 0) > 0;

describe.each(NAMES)("%s: a connection that is lost during COMMIT", (name) => {
  test.each([
    ["before the server gets it", "before", false],
    ["after the server executed it", "after", true],
  ] as const)("%s leaves the outcome unknown to the caller", async (when, fault, committed) => {
    const proxy = await proxied();
    const { waybill, begin } = wayOf(proxy, name);
    const key = `${name} ${when}`;
    proxy.onStatement("commit", () => fault);
    const error: unknown = await begin(async (tx) => void (await takeNote(tx, waybill, key))).catch(
      (thrown: unknown) => thrown,
    );
    expect(saysUnknown(name, error), String(error)).toBe(true);
    expect({ row: await isThere(key), message: await isRecorded(key) }).toEqual({
      row: committed,
      message: committed,
    });
    proxy.onStatement("commit", () => "none");
    await begin(async (tx) => void (await takeNote(tx, waybill, `${key}, next`)));
    expect(await isThere(`${key}, next`)).toBe(true);
    await waybill.stop();
  });

  test("again and again: what is delivered is exactly what was committed", async () => {
    await direct().query("truncate counter, noted, effect, total, waybill.outbox");
    const proxy = await proxied();
    const { waybill, begin } = wayOf(proxy, name);
    const chance = seeded(9);
    const kinds: readonly StatementFault[] = ["before", "after", "none", "none"];
    proxy.onStatement("commit", () => kinds[chance.below(kinds.length)] ?? "none");
    let sure = 0;
    let unknown = 0;
    const writing = { pool: begin, waybill, keys: 6, chance, rollbacks: 0.1 };
    const writer = async (): Promise<void> => {
      while (sure + unknown < ATTEMPTS) {
        try {
          if (await writeNote(writing)) sure += 1;
        } catch (error) {
          if (!saysUnknown(name, error)) throw error;
          unknown += 1;
        }
      }
    };
    await Promise.all([writer(), writer(), writer()]);
    await using worker = createWaybill({
      source: "notes",
      storage: postgresStorage({ pool: direct() }),
      broker: memoryBroker(),
    });
    worker.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
    await worker.start();
    await waitFor(async () => (await audit(direct())).lost === 0, {
      deadlineMs: 20_000,
      describe: "every effect",
    });
    const found = await audit(direct());
    expect(found).toEqual(flawless(found.committed));
    expect(found.committed - sure, "committed, and the caller was not told").toBeGreaterThan(0);
    expect(found.committed - sure, "committed, and the caller was not told").toBeLessThan(unknown);
    await Promise.all([worker.stop(), waybill.stop()]);
  });
});

import { randomUUID } from "node:crypto";
import {
  createWaybill,
  exponential,
  fixed,
  memoryBroker,
  type Broker,
  type Envelope,
  type RetryPolicy,
  type Storage,
  type WaybillEvent,
} from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runIn } from "../src/index.ts";
import { Blocking } from "../src/step.ts";
import { preparedDatabase } from "./prepared-database.ts";

const KEY = "k";
const ROUNDS = 4;

const { database, pool } = preparedDatabase();

beforeAll(async () => {
  await pool().query(
    "create table entered (id bigint generated always as identity, member text, no integer)",
  );
});

interface Member {
  readonly broker: Broker;
  readonly events: readonly WaybillEvent[];
}

/** One process of the group, with a broker of its own: the test decides who is given what. */
async function member<Tx extends PgTransaction | Knex.Transaction>(
  name: string,
  storage: Storage<Tx>,
  retry: RetryPolicy,
  statement: string | null,
): Promise<Member> {
  const events: WaybillEvent[] = [];
  const broker = memoryBroker();
  const waybill = createWaybill({
    source: "notes",
    storage,
    broker,
    topics: [Blocking],
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("held").on(
    Blocking,
    async ({ no }, { tx, attempt }) => {
      await runIn(tx, `insert into effect (key, no, worker) values ('${KEY}', ${no}, '${name}')`);
      if (no !== 1 || attempt > 1) return;
      await pool().query("insert into entered (member, no) values ($1, $2)", [name, no]);
      if (statement !== null) await runIn(tx, statement);
      await new Promise(() => undefined);
    },
    { retry, deadlineMs: 1_000 },
  );
  await waybill.start();
  onTestFinished(() => waybill.stop());
  return { broker, events };
}

function step(no: number, incarnation: string): Envelope {
  return {
    id: randomUUID(),
    source: "notes",
    topic: Blocking.name,
    version: 1,
    key: KEY,
    partition: 3,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(JSON.stringify({ key: KEY, no })),
    createdAt: 0,
    position: { incarnation, sequence: no },
  };
}

const give = (to: Member, envelope: Envelope): Promise<unknown> =>
  to.broker.publish([envelope], { fence: null, timeoutMs: 10_000 });

const rowsOf = async (query: string): Promise<number> => (await pool().query(query)).rowCount ?? 0;

const waiting = (): Promise<number> =>
  rowsOf("select from pg_locks where locktype = 'advisory' and not granted");

/** Message 1 is in A past its deadline while 2 waits in B for the key. Answers the order of their effects. */
async function race<Tx extends PgTransaction | Knex.Transaction>(
  open: () => Storage<Tx>,
  retry: RetryPolicy,
  statement: string | null,
): Promise<void> {
  const a = await member("a", open(), retry, statement);
  const b = await member("b", open(), retry, statement);
  for (let round = 0; round < ROUNDS; round += 1) {
    await pool().query("truncate effect, entered");
    const incarnation = randomUUID();
    await give(a, step(1, incarnation));
    await waitFor(async () => (await rowsOf("select from entered")) === 1, { describe: "1 in A" });
    await give(b, step(2, incarnation));
    await waitFor(async () => (await waiting()) === 1, { describe: "2 in B" });
    await waitFor(async () => (await rowsOf("select from effect")) === 2, { describe: "both effects" });
    const { rows } = await pool().query<{ no: number }>("select no from effect order by id");
    expect(rows.map(({ no }) => no)).toEqual([1, 2]);
    await waitFor(async () => (await rowsOf("select from waybill.parked")) === 0);
  }
  expect(a.events.some(({ type }) => type === "consumer.waiting")).toBe(false);
}

const pgStorage = (): Storage<PgTransaction> => {
  const own = new Pool({ connectionString: database.url, max: 4 });
  onTestFinished(() => own.end());
  return postgresStorage({ pool: own });
};

const knexStorage = (): Storage<Knex.Transaction> => {
  const log = { warn: () => undefined, error: () => undefined };
  const knex = makeKnex({ client: "pg", connection: database.url, pool: { min: 0, max: 4 }, log });
  onTestFinished(() => knex.destroy());
  return postgresStorage({ knex });
};

const later = fixed({ everyMs: 1, attempts: 3 });
const atOnce = exponential({ firstMs: 1, maxMs: 1, attempts: 3, immediate: 3 });

describe.each([
  ["that hangs", null],
  ["with a statement under way", "select pg_sleep(30)"],
])("the next message of a key never passes one %s past its deadline", (_title, statement) => {
  test("with pg, tried again later", () => race(pgStorage, later, statement));
  test("with pg, tried again at once", () => race(pgStorage, atOnce, statement));
  test("with knex, tried again later", () => race(knexStorage, later, statement));
});

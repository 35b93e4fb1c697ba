import { createWaybill, type Waybill } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor, type TsProcess } from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { MOVING_BROKER_TABLES, movePartitions, movingBroker } from "../src/moving-broker.ts";
import { Blocking, Parking } from "../src/step.ts";
import { preparedDatabase } from "./prepared-database.ts";

const KEY = "k";

const { database, pool } = preparedDatabase();

beforeAll(async () => {
  await pool().query(MOVING_BROKER_TABLES);
  await pool().query(
    "create table entered (id bigint generated always as identity, worker text, key text, no integer)",
  );
  await pool().query("create table script (key text, no integer, act text not null, primary key (key, no))");
});

/** Two processes of one group, A with all partitions, and the relay that publishes to them. */
async function twoProcesses(
  env: { readonly BATCHES?: string } = {},
): Promise<{ a: TsProcess; b: TsProcess; waybill: Waybill<PgTransaction> }> {
  await pool().query(
    "truncate moving_log, entered, script, effect, waybill.parked, waybill.dead_letter, waybill.inbox, waybill.outbox",
  );
  const worker = new URL("../src/held-worker.ts", import.meta.url);
  const start = (name: string): TsProcess =>
    testProcess(worker, [], { env: { DATABASE_URL: database.url, WORKER: name, ...env } });
  const [a, b] = [start("a"), start("b")];
  await Promise.all([a.ready(), b.ready()]);
  const waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker: movingBroker(pool(), "relay"),
    topics: [Blocking, Parking],
    onEvent: () => undefined,
  });
  onTestFinished(() => waybill.stop());
  await waybill.start({ consumers: false });
  await movePartitions(pool(), "a", false);
  return { a, b, waybill };
}

async function send(waybill: Waybill<PgTransaction>, topic: typeof Blocking, no: number): Promise<void> {
  await inTransaction(pool(), async (tx) => {
    await waybill.send(tx, topic, { key: KEY, no });
  });
}

/** What the handler of a step does from now on. */
async function tell(no: number, act: "fail" | "go"): Promise<void> {
  await pool().query(
    "insert into script values ($1, $2, $3) on conflict (key, no) do update set act = excluded.act",
    [KEY, no, act],
  );
}

async function entered(): Promise<string[]> {
  const { rows } = await pool().query<{ text: string }>(
    "select worker || no as text from entered order by id",
  );
  return rows.map(({ text }) => text);
}

/** Effects in the order in which they were written; that of commits, where the transactions exclude each other. */
async function effects(): Promise<number[]> {
  const { rows } = await pool().query<{ no: number }>("select no from effect order by id");
  return rows.map(({ no }) => no);
}

async function parked(): Promise<string[]> {
  const { rows } = await pool().query<{ text: string }>(
    "select reason || ' ' || attempts as text from waybill.parked where consumer_group = 'held' order by id",
  );
  return rows.map(({ text }) => text);
}

const given = async (worker: string): Promise<number> =>
  (await pool().query("select from moving_log where given_to = $1", [worker])).rowCount ?? 0;

/** Claims of B that wait for the lock of the key. */
const bWaits = async (): Promise<number> =>
  (
    await pool().query(
      "select from pg_locks l join pg_stat_activity s using (pid) where l.locktype = 'advisory' and not l.granted and s.application_name = 'worker-b'",
    )
  ).rowCount ?? 0;

const reported = (process: TsProcess, event: string): number =>
  process.lines.filter((line) => line["event"] === event).length;

/** Lets both run, and holds that nothing more happens than each step once, in this order. */
async function endsWith(order: readonly number[], workers: readonly TsProcess[]): Promise<void> {
  await tell(1, "go");
  await tell(2, "go");
  await tell(3, "go");
  await waitFor(async () => (await effects()).length === order.length && (await parked()).length === 0, {
    describe: "both effects",
  });
  await waitFor(async () => (await pool().query("select from moving_log where not settled")).rowCount === 0);
  for (const worker of workers) {
    worker.kill("SIGTERM");
    expect(await worker.exited, worker.output.join("\n")).toMatchObject({ code: 0 });
  }
  expect(await effects()).toEqual(order);
}

describe.each([
  ["leaves what A has in its handler with A", false],
  ["gives what A has in its handler to B as well", true],
])("after a rebalance that %s", (_title, handsOver) => {
  test("blocking: a message that comes after its predecessor was parked by A waits behind it in B", async () => {
    const { a, b, waybill } = await twoProcesses();
    await send(waybill, Blocking, 1);
    await waitFor(async () => (await entered()).length === 1);
    await movePartitions(pool(), "b", handsOver);
    if (handsOver) await waitFor(async () => (await bWaits()) === 1);
    await tell(1, "fail");
    await waitFor(async () => (await parked()).length === 1 && reported(a, "message.parked") > 0);
    await send(waybill, Blocking, 2);
    await waitFor(async () => (await parked()).length === 2);
    expect((await parked())[1]).toBe("behind 0");
    expect(await effects()).toEqual([]);
    expect((await entered()).some((entry) => entry.endsWith("2"))).toBe(false);
    await endsWith([1, 2], [a, b]);
  });

  test("blocking: B, which claims while A's transaction is open, waits for it, and then waits behind", async () => {
    const { a, b, waybill } = await twoProcesses();
    await send(waybill, Blocking, 1);
    await waitFor(async () => (await entered()).length === 1);
    await movePartitions(pool(), "b", handsOver);
    await send(waybill, Blocking, 2);
    await waitFor(async () => (await given("b")) === (handsOver ? 2 : 1) && (await bWaits()) === 1);
    expect(await entered()).toEqual(["a1"]);
    await tell(1, "fail");
    await waitFor(async () => (await parked()).includes("behind 0"));
    expect(await parked()).toHaveLength(2);
    expect(await effects()).toEqual([]);
    await endsWith([1, 2], [a, b]);
    expect((await entered()).at(-1)).toMatch(/2$/);
  });

  test("blocking: when A succeeds after all, B goes on with the next message, and parks nothing", async () => {
    const { a, b, waybill } = await twoProcesses();
    await send(waybill, Blocking, 1);
    await waitFor(async () => (await entered()).length === 1);
    await movePartitions(pool(), "b", handsOver);
    await send(waybill, Blocking, 2);
    await waitFor(async () => (await bWaits()) === 1);
    await endsWith([1, 2], [a, b]);
    expect(await entered()).toEqual(["a1", "b2"]);
    expect(reported(a, "message.parked") + reported(b, "message.parked")).toBe(0);
  });

  test("parking: B handles the next message at once, and the failed one comes after it", async () => {
    const { a, b, waybill } = await twoProcesses();
    // The first claim of a partition makes others of it wait; that is not what is shown here.
    await tell(0, "go");
    await send(waybill, Parking, 0);
    await waitFor(async () => (await effects()).length === 1);
    await send(waybill, Parking, 1);
    await waitFor(async () => (await entered()).length === 2);
    await movePartitions(pool(), "b", handsOver);
    await tell(2, "go");
    await send(waybill, Parking, 2);
    await waitFor(async () => (await given("b")) === (handsOver ? 2 : 1));
    // A copy of 1 in B waits for A's inbox record, and 2 after it in its lane.
    if (!handsOver) await waitFor(async () => (await effects()).length === 2);
    await tell(1, "fail");
    await waitFor(async () => (await effects()).length === 2 && (await parked()).length === 1);
    expect(await effects()).toEqual([0, 2]);
    await endsWith([0, 2, 1], [a, b]);
  });
});

test("blocking: A is killed in its handler while B waits: B runs both, in order", async () => {
  const { a, b, waybill } = await twoProcesses();
  await send(waybill, Blocking, 1);
  await waitFor(async () => (await entered()).length === 1);
  await movePartitions(pool(), "b", true);
  await send(waybill, Blocking, 2);
  await waitFor(async () => (await bWaits()) === 1);
  a.kill("SIGKILL");
  await waitFor(async () => (await entered()).length === 2);
  expect(await entered()).toEqual(["a1", "b1"]);
  await endsWith([1, 2], [b]);
  expect(await entered()).toEqual(["a1", "b1", "b2"]);
});

test("blocking: a batch in B that holds the next messages waits as a whole, and its messages wait behind", async () => {
  const { a, b, waybill } = await twoProcesses({ BATCHES: "yes" });
  await send(waybill, Blocking, 1);
  await waitFor(async () => (await entered()).length === 1);
  await movePartitions(pool(), "b", false);
  await inTransaction(pool(), (tx) =>
    waybill.sendMany(
      tx,
      Blocking,
      [2, 3].map((no) => ({ key: KEY, no })),
    ),
  );
  await waitFor(async () => (await given("b")) === 2 && (await bWaits()) === 1);
  expect(await entered()).toEqual(["a1"]);
  await tell(1, "fail");
  await waitFor(async () => (await parked()).length === 3);
  expect((await parked()).slice(1)).toEqual(["behind 0", "behind 0"]);
  expect(await effects()).toEqual([]);
  await endsWith([1, 2, 3], [a, b]);
});

import { nativeBroker } from "@waybill/broker";
import { createWaybill, type Waybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testDatabase, testFolder, testProcess } from "@waybill/services/vitest";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect } from "kysely";
import type { Knex } from "knex";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  bothWays,
  sendDue,
  withDrizzle,
  withKnex,
  withKysely,
  withOwnClient,
  withPg,
  type Order,
} from "../src/adopting.ts";
import { OrderPlaced } from "../src/topics.ts";
import { connectTo } from "./support/guide-bed.ts";
import { guideBlocks } from "./support/guide-blocks.ts";
import { CLI, runLine } from "./support/run-cli.ts";

const database = testDatabase({
  prepare: async (url) => {
    const pool = new Pool({ connectionString: url, max: 1 });
    await pool.query("create table orders (order_id text primary key)");
    await pool.query("create table mails (order_id text not null)");
    await pool.query(
      "create table due_orders (order_id text, sku text, quantity integer, sent boolean default false)",
    );
    await pool.end();
  },
});

/** The lines of the guide that begin so, in their order. */
async function lines(start: string): Promise<string[]> {
  const blocks = await guideBlocks("adopting.md", "sh");
  const found = blocks.flatMap((block) => block.trim().split("\n")).filter((line) => line.startsWith(start));
  expect(found.length, start).toBeGreaterThan(0);
  return found;
}

async function runAll(start: string): Promise<string> {
  const output: string[] = [];
  for (const line of await lines(start)) output.push(await runLine(line, database.url));
  return output.join("\n");
}

const order = (orderId: string): Order => ({ orderId, sku: "tea", quantity: 1 });

async function mails(knex: Knex): Promise<string[]> {
  const rows = await knex("mails").orderBy("order_id").select<{ order_id: string }[]>("order_id");
  return rows.map((row) => row.order_id);
}

/** A worker of the test itself, with a group as the guide has it. */
async function worker(setup: (waybill: Waybill<Knex.Transaction>) => void) {
  const knex = connectTo(database);
  const waybill = createWaybill({
    source: "orders",
    storage: postgresStorage({ knex }),
    broker: nativeBroker({ dataDir: `${testFolder()}/broker` }),
    onEvent: () => undefined,
  });
  setup(waybill);
  onTestFinished(() => waybill.stop());
  await waybill.start();
  return { knex, waybill };
}

test("from no tables to messages by every library, through a worker, as the guide's lines say", async () => {
  expect(await runAll("npx waybill migrate up")).toContain("007_job");
  expect(await runAll("npx waybill migrate status")).toContain("up to date");
  const grants = await runAll("npx waybill migrate grants");
  const knex = connectTo(database);
  await knex.raw(`do $$ begin
    create role orders_app login; create role orders_worker login;
  exception when duplicate_object then null; end $$`);
  onTestFinished(async () => {
    await knex.raw("drop owned by orders_app, orders_worker; drop role orders_app, orders_worker");
  });
  await knex.raw(grants);
  await knex.raw("grant all on orders to orders_app");

  const config = new URL("../src/adopting-worker.ts", import.meta.url).pathname;
  const env = { DATABASE_URL: database.url, DATA_DIR: `${testFolder()}/broker` };
  const running = testProcess(CLI, ["worker", "--config", config], { env });
  await running.ready();

  const asApp = new URL(database.url);
  asApp.searchParams.set("options", "-c role=orders_app");
  const pool = new Pool({ connectionString: asApp.href, max: 2 });
  onTestFinished(() => pool.end());
  await expect(pool.query("select from waybill.outbox")).rejects.toThrow("permission denied");
  await withKnex(knex, order("knex"));
  await withPg(pool, order("pg"));
  await withOwnClient(pool, order("pg client"));
  await expect(withOwnClient(pool, order("pg client"))).rejects.toThrow("orders_pkey");
  await withDrizzle(pool, drizzle({ client: pool }), order("drizzle"));
  await withKysely(pool, new Kysely({ dialect: new PostgresDialect({ pool }) }), order("kysely"));
  const all = ["drizzle", "knex", "kysely", "pg", "pg client"];
  await waitFor(async () => (await mails(knex)).length === all.length, {
    deadlineMs: 20_000,
    describe: () => running.output.join("\n"),
  });
  expect(await mails(knex)).toEqual(all);
  running.kill("SIGTERM");
  expect(await running.exited).toMatchObject({ code: 0 });
});

test("while both ways are open each order gets one mail, whichever way it comes, or both at once", async () => {
  let oldHandler: ReturnType<typeof bothWays>["oldHandler"] | undefined;
  const { knex, waybill } = await worker((made) => ({ oldHandler } = bothWays(made)));
  await knex("mails").delete();
  const send = (orderId: string) => knex.transaction((tx) => waybill.send(tx, OrderPlaced, order(orderId)));
  await oldHandler?.({ data: order("old only") });
  await send("new only");
  await Promise.all([send("both"), oldHandler?.({ data: order("both") })]);
  await oldHandler?.({ data: order("both") });
  await waitFor(async () => (await knex("waybill.inbox").where({ consumer_group: "mail" })).length >= 2);
  await waitFor(async () => (await mails(knex)).includes("new only"));
  expect(await mails(knex)).toEqual(["both", "new only", "old only"]);
});

test("a cron job that sends takes each row once, also when two of it run", async () => {
  const handled: string[] = [];
  const { knex, waybill } = await worker((made) => {
    made.consumer("cron").on(OrderPlaced, ({ orderId }) => {
      handled.push(orderId);
    });
  });
  const due = Array.from({ length: 20 }, (_, no) => ({ order_id: `due ${no}`, sku: "tea", quantity: 1 }));
  await knex("due_orders").insert(due);
  const counts = await Promise.all([sendDue(waybill), sendDue(waybill)]);
  expect(counts.reduce((sum, count) => sum + count)).toBe(20);
  await waitFor(() => handled.filter((orderId) => orderId.startsWith("due")).length === 20);
  expect(new Set(handled).size).toBe(handled.length);
  expect(await sendDue(waybill)).toBe(0);
});

test("what to watch answers, and the way back leaves the service's own tables alone", async () => {
  const { knex, waybill } = await worker((made) => {
    made.consumer("cron").on(OrderPlaced, () => undefined);
  });
  const [parked = "", jobs = ""] = await guideBlocks("adopting.md", "sql");
  expect((await knex.raw<{ rows: unknown[] }>(parked)).rows).toEqual([]);
  const outcomes = async (): Promise<Record<string, unknown>> => {
    const { rows } = await knex.raw<{ rows: { name: string; last_outcome: string }[] }>(jobs);
    return Object.fromEntries(rows.map((row) => [row.name, row.last_outcome]));
  };
  await waitFor(async () => (await outcomes())["send-parked"] === "ok", { describe: "a job that ran" });
  expect(await runAll("npx waybill dead-letters")).toContain("No dead letters");
  await waybill.stop();
  await runAll("npx waybill migrate down");
  const gone = await knex.raw<{ rows: unknown[] }>("select to_regclass('waybill.outbox') as outbox");
  expect(gone.rows).toEqual([{ outbox: null }]);
  expect((await knex("orders")).length).toBe(5);
});

import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { inventory, orders, place } from "../src/compensation.ts";
import { OrderPlaced, OrderRejected } from "../src/topics.ts";
import { guideBed, guideDatabase } from "./support/guide-bed.ts";
import { guideBlocks } from "./support/guide-blocks.ts";
import { runLine } from "./support/run-cli.ts";

const database = guideDatabase([
  "create table stock (sku text primary key, available integer not null check (available >= 0))",
  "insert into stock values ('tea', 2)",
  "create table rejections (order_id text primary key, why text not null)",
  "create table placed_orders (order_id text primary key, state text not null, why text)",
]);

test("an order without stock is answered once, in one transaction with its dead letter", async () => {
  const answers: string[] = [];
  const { knex, waybill, rows, events } = await guideBed(database, (made) => {
    inventory(made);
    made.consumer("sales").on(OrderRejected, ({ orderId, reason }) => {
      answers.push(`${orderId}: ${reason}`);
    });
  });
  await knex.transaction((tx) =>
    waybill.sendMany(tx, OrderPlaced, [
      { orderId: "o-1", sku: "tea", quantity: 1 },
      { orderId: "o-2", sku: "tea", quantity: 9 },
    ]),
  );
  await waitFor(() => answers.length === 1, { deadlineMs: 15_000 });
  expect(answers).toEqual(["o-2: out of stock"]);
  expect(await rows("select available from stock")).toEqual([{ available: 1 }]);
  expect(await rows("select order_id, why like '%stock_available_check%' as why from rejections")).toEqual([
    { order_id: "o-2", why: true },
  ]);
  expect(await waybill.deadLetters.list({ group: "inventory" })).toMatchObject([
    { answered: true, attempts: 3 },
  ]);
  expect(events.find(({ type }) => type === "message.dead")).toMatchObject({ level: "info" });
  for (const block of await guideBlocks("compensation.md", "sh")) {
    for (const line of block.trim().split("\n")) await runLine(line, database.url);
  }
});

test("a compensation that fails leaves nothing, is seen waiting, holds its key up, and succeeds when it can", async () => {
  const { knex, waybill, rows } = await guideBed(database, inventory);
  await knex("rejections").insert({ order_id: "o-3", why: "somebody was here before" }); // its own insert fails now
  const order = { orderId: "o-3", sku: "tea", quantity: 9 };
  await knex.transaction((tx) => waybill.sendMany(tx, OrderPlaced, [order, { ...order, quantity: 0 }]));
  const [sql = ""] = await guideBlocks("compensation.md", "sql");
  const waiting = await waitFor(
    async () => (await rows<{ attempts: number; key: string; error: string }>(sql))[0],
    {
      deadlineMs: 15_000,
      describe: "the compensation to wait",
    },
  );
  expect(waiting).toMatchObject({ key: "o-3", error: expect.stringContaining("compensation failed: ") });
  expect(waiting.error).toContain("rejections_pkey");
  const buried = "select from waybill.dead_letter where consumer_group = 'inventory' and key = 'o-3'";
  expect(await rows(buried)).toEqual([]);
  expect(
    await rows("select reason from waybill.parked where consumer_group = 'inventory' order by id"),
  ).toEqual([{ reason: "retry" }, { reason: "behind" }]);
  await knex("rejections").where({ order_id: "o-3" }).delete();
  await waitFor(async () => (await rows(buried)).length === 1, { deadlineMs: 20_000 });
  await waitFor(
    async () => (await rows("select from waybill.parked where consumer_group = 'inventory'")).length === 0,
  );
  expect(await rows("select order_id from rejections where order_id = 'o-3'")).toHaveLength(1);
});

test("an order that expired before it could be published is answered by its sender", async () => {
  const { knex, waybill, rows } = await guideBed(database, (made) => {
    orders(made);
    made.consumer("sales").on(OrderRejected, () => undefined);
  });
  await place(knex, waybill, "o-4", new Date(Date.now() - 1_000));
  const failed = "select why from placed_orders where order_id = 'o-4' and state = 'failed'";
  await waitFor(async () => (await rows(failed)).length === 1, { deadlineMs: 15_000 });
  expect(await rows(failed)).toEqual([{ why: "expired" }]);
  expect(await waybill.deadLetters.list({ group: "" })).toMatchObject([
    { answered: true, reason: "expired" },
  ]);
});

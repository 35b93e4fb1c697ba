import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import type { FastifyInstance } from "fastify";
import type { Knex } from "knex";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createApp } from "../src/http/create-app.ts";
import { migrateDatabase } from "../src/migrate-database.ts";
import { openDatabase } from "../src/open-database.ts";
import { SOURCE } from "../src/source.ts";

const database = testDatabase();
let knex: Knex;
let app: FastifyInstance;
let stop: () => Promise<void>;

beforeAll(async () => {
  knex = openDatabase(database.url, 8);
  await migrateDatabase(knex);
  const waybill = createWaybill({ source: SOURCE, storage: postgresStorage({ knex }) });
  app = createApp(knex, waybill);
  await waybill.start({ relay: false, consumers: false });
  stop = () => waybill.stop();
});

beforeEach(async () => {
  await knex.raw("truncate customers, orders, waybill.outbox");
  await knex("customers").insert({ customer_id: "c-1", credit_limit_cents: 10_000 });
});

afterAll(async () => {
  await app.close();
  await stop();
  await knex.destroy();
});

const order = { customerId: "c-1", sku: "anvil", quantity: 1, total: 12.5 };

async function post(body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await app.inject({ method: "POST", url: "/orders", payload: body });
  return { status: response.statusCode, body: response.json() };
}

async function committedMessages(): Promise<number> {
  const { rows } = await knex.raw<{ rows: unknown[] }>("select from waybill.outbox");
  return rows.length;
}

test("an order is taken together with its message", async () => {
  const { status, body } = await post(order);
  expect(status).toBe(201);
  expect(body).toMatchObject({ customerId: "c-1", customerOrderNo: 1, totalCents: 1_250, status: "placed" });
  expect(await committedMessages()).toBe(1);
  const found = await app.inject({ method: "GET", url: `/orders/${body["orderId"] as string}` });
  expect(found.json()).toMatchObject({ ...body, rejectionReason: null, history: [] });
});

test("beyond the credit limit nothing remains: no order, no message, no number", async () => {
  expect(await post({ ...order, total: 100.01 })).toMatchObject({
    status: 409,
    body: { code: "CREDIT_LIMIT_EXCEEDED" },
  });
  expect(await committedMessages()).toBe(0);
  expect((await post(order)).body).toMatchObject({ customerOrderNo: 1 });
});

test("an order that is sent again is refused, and remains once", async () => {
  expect(await post({ ...order, orderId: "o-1" })).toMatchObject({ status: 201 });
  expect(await post({ ...order, orderId: "o-1" })).toMatchObject({
    status: 409,
    body: { code: "ORDER_ID_TAKEN" },
  });
  expect(await committedMessages()).toBe(1);
});

test("orders of one customer at the same time have numbers without a gap, and messages in that order", async () => {
  const placed = await Promise.all(Array.from({ length: 12 }, () => post({ ...order, total: 1 })));
  expect(placed.map(({ status }) => status)).toEqual(placed.map(() => 201));
  const { rows } = await knex.raw<{ rows: { no: number }[] }>(
    `select (convert_from(payload, 'UTF8')::json ->> 'customerOrderNo')::integer as no from waybill.outbox order by id`,
  );
  expect(rows.map(({ no }) => no)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
});

test.each([
  [{ ...order, quantity: 0 }, 400, "BODY_INVALID"],
  [{ ...order, total: 1.005 }, 400, "BODY_INVALID"],
  [{ ...order, colour: "red" }, 400, "BODY_INVALID"],
  [{ ...order, customerId: "nobody" }, 422, "UNKNOWN_CUSTOMER"],
])("%j is answered with %i %s", async (body, status, code) => {
  expect(await post(body)).toMatchObject({ status, body: { code } });
  expect(await committedMessages()).toBe(0);
});

test("what is not there is not found, and health tells about the database", async () => {
  expect((await app.inject({ method: "GET", url: "/orders/none" })).statusCode).toBe(404);
  const health = await app.inject({ method: "GET", url: "/health" });
  expect(health.statusCode).toBe(200);
  expect(health.json()).toMatchObject({ status: "up", storage: { status: "up" }, broker: null });
});

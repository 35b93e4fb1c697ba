import { nativeBroker } from "@waybill/broker";
import { createWaybill, defineTopic } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import connect from "knex";
import { z } from "zod";

const OrderPlaced = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ orderId: z.string(), sku: z.string() }),
  key: (order) => order.orderId,
});

const knex = connect({ client: "pg", connection: process.env["DATABASE_URL"] ?? "" });
const waybill = createWaybill({
  source: "orders",
  storage: postgresStorage({ knex }),
  broker: nativeBroker({ dataDir: "./data/broker" }),
});

waybill.consumer("inventory").on(OrderPlaced, async (order, { tx }) => {
  await tx("stock").where({ sku: order.sku }).decrement("available", 1); // once, or not at all
});
await waybill.start();

await knex.transaction(async (tx) => {
  await tx("order_lines").insert({ order_id: "o-1", sku: "tea" });
  await waybill.send(tx, OrderPlaced, { orderId: "o-1", sku: "tea" }); // sent if this commits
});

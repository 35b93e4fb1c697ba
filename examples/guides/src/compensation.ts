import { exponential, type Waybill } from "@waybill/core";
import type { Knex } from "knex";
import { OrderPlaced, OrderRejected } from "./topics.ts";

/** Reserves stock, and answers orders that finally cannot have any. */
export function inventory(waybill: Waybill<Knex.Transaction>): void {
  waybill.consumer("inventory").on(
    OrderPlaced,
    async ({ sku, quantity }, { tx }) => {
      await tx("stock").where({ sku }).decrement("available", quantity); // fails below 0
    },
    {
      retry: exponential({ firstMs: 200, maxMs: 60_000, attempts: 3 }),
      compensate: async ({ orderId }, { tx, send, error }) => {
        await tx("rejections").insert({ order_id: orderId, why: error.message });
        await send(OrderRejected, { orderId, reason: "out of stock" });
      },
    },
  );
}

/** Takes orders that are worth nothing after a minute, and answers those that were never published. */
export function orders(waybill: Waybill<Knex.Transaction>): void {
  waybill.onGiveUp(OrderPlaced, async ({ orderId }, { tx, send, reason }) => {
    await tx("placed_orders").where({ order_id: orderId }).update({ state: "failed", why: reason });
    await send(OrderRejected, { orderId, reason });
  });
}

export async function place(
  knex: Knex,
  waybill: Waybill<Knex.Transaction>,
  orderId: string,
  expiresAt: Date,
) {
  await knex.transaction(async (tx) => {
    await tx("placed_orders").insert({ order_id: orderId, state: "placed" });
    await waybill.send(tx, OrderPlaced, { orderId, sku: "tea", quantity: 1 }, { expiresAt });
  });
}

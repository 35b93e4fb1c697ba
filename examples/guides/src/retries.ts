import {
  defineTopic,
  exponential,
  RetryLater,
  Unprocessable,
  type HandlerContext,
  type RetryPolicy,
  type Waybill,
} from "@waybill/core";
import type { Knex } from "knex";
import { z } from "zod";
import { OrderPlaced, PaymentRequested } from "./topics.ts";

/** A group that charges cards at another company's gateway, which is slow, busy or refuses. */
export function payments(waybill: Waybill<Knex.Transaction>, gateway: string): void {
  waybill.consumer("payments").on(
    PaymentRequested,
    async ({ orderId, cents }, { tx, message, signal }) => {
      const answer = await fetch(`${gateway}/charges`, {
        method: "POST",
        headers: { "idempotency-key": message.id }, // an attempt that failed later may have charged already
        body: JSON.stringify({ orderId, cents }),
        signal, // at the deadline
      });
      if (answer.status === 429) throw new RetryLater(2_000, "the gateway is busy");
      if (answer.status === 402) throw new Unprocessable("the card was refused");
      if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
      await tx("payments").insert({ order_id: orderId, cents });
    },
    { retry: exponential({ firstMs: 500, factor: 3, maxMs: 600_000, attempts: 15 }), deadlineMs: 3_000 },
  );
}

/** Two quick tries, then every quarter of an hour for a day. */
export const untilTomorrow: RetryPolicy = {
  description: "3 at once, then every 15 minutes for a day",
  delayMs: (failed) => {
    if (failed < 3) return 0; // at once, in this process
    if (failed < 99) return 15 * 60_000; // parked
    return null; // dead letter
  },
};

export const StockCounted = defineTopic("stock.counted", {
  version: 1,
  schema: z.object({ sku: z.string(), available: z.int(), countedAt: z.number() }),
  key: (count) => count.sku,
  order: "parking",
});

/** Applies counts in any order: the latest wins. */
async function applyCount(
  { sku, available, countedAt }: { sku: string; available: number; countedAt: number },
  { tx }: Pick<HandlerContext<Knex.Transaction>, "tx">,
): Promise<void> {
  await tx("stock_levels")
    .where({ sku })
    .andWhere("counted_at", "<", countedAt) // an older one that comes later changes nothing
    .update({ available, counted_at: countedAt });
}

export async function reserve(
  { sku, quantity }: { sku: string; quantity: number },
  { tx }: Pick<HandlerContext<Knex.Transaction>, "tx">,
): Promise<void> {
  await tx("stock_levels").where({ sku }).decrement("available", quantity);
}

export function stock(waybill: Waybill<Knex.Transaction>): void {
  waybill.consumer("stock").on(StockCounted, applyCount).on(OrderPlaced, reserve, { retry: untilTomorrow });
}

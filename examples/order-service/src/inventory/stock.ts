import { Unprocessable } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import type { StockMovementRow } from "../tables.ts";
import type { OrderFacts } from "../topics.ts";

/**
 * Takes the goods of an order from the stock. Doing it twice would take them twice: that it happens once is up to
 * the transaction that it runs in.
 */
export async function reserveStock(tx: Tx, order: OrderFacts): Promise<void> {
  const { sku, quantity } = order;
  const reserved = await tx("stock")
    .where({ sku })
    .andWhere("available", ">=", quantity)
    .decrement("available", quantity);
  if (reserved === 0) throw new Unprocessable("out of stock"); // Trying again would not fill the shelf.
  await noteMovement(tx, order, -quantity, "reserved");
}

/** Puts back what `reserveStock` took. */
export async function releaseStock(tx: Tx, order: OrderFacts): Promise<void> {
  const { sku, quantity } = order;
  await tx("stock").where({ sku }).increment("available", quantity);
  await noteMovement(tx, order, quantity, "released");
}

async function noteMovement(
  tx: Tx,
  order: OrderFacts,
  delta: number,
  reason: StockMovementRow["reason"],
): Promise<void> {
  await tx("stock_movements").insert({
    sku: order.sku,
    delta,
    reason,
    order_id: order.orderId,
    customer_id: order.customerId,
    customer_order_no: order.customerOrderNo,
  });
}

import { Unprocessable } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import type { OrderRow } from "../tables.ts";
import type { OrderFacts } from "../topics.ts";

/** Ends an open order and frees the credit that it took. */
export async function endOrder(
  tx: Tx,
  order: OrderFacts,
  end: Pick<OrderRow, "status"> & Partial<Pick<OrderRow, "rejection_reason">>,
): Promise<void> {
  const { orderId, customerId, totalCents } = order;
  const ended = await tx("orders").where({ order_id: orderId, status: "placed" }).update(end);
  if (ended === 0) throw new Unprocessable(`there is no open order ${orderId}`);
  await tx("customers").where({ customer_id: customerId }).decrement("open_cents", totalCents);
}

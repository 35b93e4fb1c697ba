import type { Tx } from "./open-database.ts";
import type { OrderFacts } from "./topics.ts";

/** Notes that `group` has handled a message about an order, in the transaction that handles it. */
export async function noteHandled(tx: Tx, group: string, topic: string, order: OrderFacts): Promise<void> {
  await tx("order_history").insert({
    consumer_group: group,
    topic,
    order_id: order.orderId,
    customer_id: order.customerId,
    customer_order_no: order.customerOrderNo,
  });
}

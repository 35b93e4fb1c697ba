import type { Knex } from "knex";
import type { OrderStatus } from "../tables.ts";
import type { OrderFacts } from "../topics.ts";

export interface OrderView extends OrderFacts {
  readonly status: OrderStatus;
  readonly rejectionReason: string | null;
  /** What was done for it so far, oldest first. */
  readonly history: readonly { readonly group: string; readonly topic: string }[];
}

/** How an order fares; `undefined` when there is none. */
export async function findOrder(knex: Knex, orderId: string): Promise<OrderView | undefined> {
  const order = await knex("orders").where({ order_id: orderId }).first();
  if (order === undefined) return undefined;
  const history = await knex("order_history").where({ order_id: orderId }).orderBy("history_id");
  return {
    orderId,
    customerId: order.customer_id,
    customerOrderNo: order.customer_order_no,
    sku: order.sku,
    quantity: order.quantity,
    totalCents: order.total_cents,
    status: order.status,
    rejectionReason: order.rejection_reason,
    history: history.map(({ consumer_group, topic }) => ({ group: consumer_group, topic })),
  };
}

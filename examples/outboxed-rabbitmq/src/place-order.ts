import type { ConfirmChannel } from "amqplib";
import type { Knex } from "knex";

export interface Order {
  readonly orderId: string;
  readonly sku: string;
}

/** Books an order and tells the other services. Nothing here knows of Waybill. */
export async function placeOrder(tx: Knex.Transaction, channel: ConfirmChannel, order: Order): Promise<void> {
  await tx("orders").insert({ order_id: order.orderId, sku: order.sku });
  channel.publish("shop", "order.placed", Buffer.from(JSON.stringify(order)), {
    persistent: true,
    contentType: "application/json",
    messageId: order.orderId,
    type: "OrderPlaced",
    headers: { tenant: 7, tags: ["web", "new"] },
  });
  if (order.sku === "sold-out") throw new Error(`${order.sku} cannot be ordered`);
}

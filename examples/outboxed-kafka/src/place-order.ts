import type { Knex } from "knex";
import type { Producer } from "kafkajs";

export interface Order {
  readonly orderId: string;
  readonly customer: string;
  readonly sku: string;
  /** Milliseconds since the epoch. */
  readonly placedAt: number;
}

/** Books an order and tells the other services. Nothing here knows of Waybill. */
export async function placeOrder(tx: Knex.Transaction, producer: Producer, order: Order): Promise<void> {
  await tx("orders").insert({ order_id: order.orderId, sku: order.sku });
  await producer.send({
    topic: "orders",
    messages: [
      {
        key: order.customer,
        value: JSON.stringify(order),
        headers: { tenant: Buffer.from([7]), tags: ["web", "new"] },
        timestamp: String(order.placedAt),
      },
    ],
  });
  if (order.sku === "sold-out") throw new Error(`${order.sku} cannot be ordered`);
}

import type { Waybill } from "@waybill/core";
import type { Knex } from "knex";
import type { Tx } from "../open-database.ts";
import type { CustomerRow } from "../tables.ts";
import { OrderPlaced, type OrderFacts } from "../topics.ts";
import { OrderRefused } from "./order-refused.ts";

export type OrderRequest = Omit<OrderFacts, "customerOrderNo">;

/**
 * Takes an order: its rows and the message that tells everybody else commit together, or neither does.
 *
 * @throws OrderRefused when it is not taken; nothing remains of it then, no row and no message
 */
export function placeOrder(knex: Knex, waybill: Waybill<Tx>, request: OrderRequest): Promise<OrderFacts> {
  return knex.transaction(async (tx) => {
    // The customer's row comes first: it makes the transactions of one customer wait for each other before they
    // send, so their messages have the order of their commits.
    const customer = await takeNextOrderNo(tx, request);
    const order: OrderFacts = { ...request, customerOrderNo: customer.last_order_no };
    await insertOrder(tx, order);
    await waybill.send(tx, OrderPlaced, order);
    // Checked last to show that a rollback also takes back what was sent.
    if (customer.open_cents > customer.credit_limit_cents) {
      throw new OrderRefused(
        "CREDIT_LIMIT_EXCEEDED",
        `${order.customerId} has no credit left for this order`,
      );
    }
    return order;
  });
}

async function takeNextOrderNo(tx: Tx, { customerId, totalCents }: OrderRequest): Promise<CustomerRow> {
  const [customer] = await tx("customers")
    .where({ customer_id: customerId })
    .update({
      last_order_no: tx.raw("last_order_no + 1"),
      open_cents: tx.raw("open_cents + ?", [totalCents]),
    })
    .returning("*");
  if (customer === undefined) {
    throw new OrderRefused("UNKNOWN_CUSTOMER", `there is no customer ${customerId}`);
  }
  return customer;
}

async function insertOrder(tx: Tx, order: OrderFacts): Promise<void> {
  const inserted = await tx("orders")
    .insert({
      order_id: order.orderId,
      customer_id: order.customerId,
      customer_order_no: order.customerOrderNo,
      sku: order.sku,
      quantity: order.quantity,
      total_cents: order.totalCents,
      status: "placed",
      rejection_reason: null,
    })
    .onConflict("order_id")
    .ignore()
    .returning("order_id");
  if (inserted.length === 0) {
    throw new OrderRefused("ORDER_ID_TAKEN", `there is an order ${order.orderId} already`);
  }
}

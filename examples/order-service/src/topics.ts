import { defineTopic } from "@waybill/core";
import { z } from "zod";

/** What every message about an order carries. */
const order = z.object({
  orderId: z.string(),
  customerId: z.string(),
  /** 1, 2, 3, … within the customer, in the order in which the orders were committed. */
  customerOrderNo: z.int(),
  sku: z.string(),
  quantity: z.int(),
  totalCents: z.int(),
});

export type OrderFacts = z.infer<typeof order>;

/** The customer orders the messages: each group handles the orders of one customer one after another. */
const byCustomer = ({ customerId }: OrderFacts): string => customerId;

export const OrderPlaced = defineTopic("order.placed", { version: 1, schema: order, key: byCustomer });

export const StockReserved = defineTopic("stock.reserved", { version: 1, schema: order, key: byCustomer });

export const OrderConfirmed = defineTopic("order.confirmed", { version: 1, schema: order, key: byCustomer });

export const PaymentDeclined = defineTopic("payment.declined", {
  version: 1,
  schema: order.extend({ reason: z.string() }),
  key: byCustomer,
});

export const OrderRejected = defineTopic("order.rejected", {
  version: 1,
  schema: order.extend({ reason: z.string() }),
  key: byCustomer,
});

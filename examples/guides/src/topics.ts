import { defineTopic } from "@waybill/core";
import { z } from "zod";

export const OrderPlaced = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ orderId: z.string(), sku: z.string(), quantity: z.int() }),
  key: (order) => order.orderId,
});

export const OrderRejected = defineTopic("order.rejected", {
  version: 1,
  schema: z.object({ orderId: z.string(), reason: z.string() }),
  key: (order) => order.orderId,
});

export const PaymentRequested = defineTopic("payment.requested", {
  version: 1,
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  key: (payment) => payment.orderId,
});

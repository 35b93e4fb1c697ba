import { defineTopic } from "@waybill/core";
import { z } from "zod";

export const PaymentReceived = defineTopic("payment.received", {
  version: 1,
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  key: ({ orderId }) => orderId,
});

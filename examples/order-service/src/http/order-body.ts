import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { OrderRequest } from "../orders/place-order.ts";

/** What `POST /orders` takes. `total` is money with at most two decimals; inside, money is whole cents. */
export const orderBody = z
  .strictObject({
    /** The client's own id: sending a request again with it cannot place the order twice. */
    orderId: z.string().min(1).max(64).optional(),
    customerId: z.string().min(1),
    sku: z.string().min(1),
    quantity: z.int().min(1).max(1_000),
    total: z.number().positive().max(1_000_000).multipleOf(0.01),
  })
  .transform(({ orderId = randomUUID(), total, ...rest }): OrderRequest => ({
    ...rest,
    orderId,
    totalCents: Math.round(total * 100),
  }));

import { defineTopic, type MemoryTransaction, type Waybill } from "@waybill/core";
import { z } from "zod";

export const Placed = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ order: z.string(), quantity: z.number() }),
  key: (placed) => placed.order,
});

export const Reserved = defineTopic("stock.reserved", {
  version: 1,
  schema: z.object({ order: z.string() }),
  key: (reserved) => reserved.order,
});

/** A flow without a fault: stock is taken and answered, the answer is counted. */
export function correctFlow(waybill: Waybill<MemoryTransaction>): void {
  waybill.consumer("stock").on(Placed, async ({ order, quantity }, { tx, send }) => {
    await tx.update("available", (available) => Number(available ?? 10) - quantity);
    await send(Reserved, { order });
  });
  waybill.consumer("mail").on(Reserved, async (_reserved, { tx }) => {
    await tx.update("mails", (mails) => Number(mails ?? 0) + 1);
  });
}

/** Sends one order in a transaction of its own. */
export async function place(
  bed: {
    readonly waybill: Waybill<MemoryTransaction>;
    transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T>;
  },
  order: string,
  quantity = 1,
): Promise<string> {
  return bed.transaction(async (tx) => {
    await tx.set(`order ${order}`, "placed");
    const { id } = await bed.waybill.send(tx, Placed, { order, quantity });
    return id;
  });
}

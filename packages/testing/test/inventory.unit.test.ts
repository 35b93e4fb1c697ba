import { defineTopic, fixed, type MemoryTransaction, type Waybill } from "@waybill/core";
import { crashEverywhere, createTestBed } from "@waybill/testing";
import { expect, test } from "vitest";
import { z } from "zod";

const OrderPlaced = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ orderId: z.string(), quantity: z.number() }),
  key: (order) => order.orderId,
});

const StockReserved = defineTopic("stock.reserved", {
  version: 1,
  schema: z.object({ orderId: z.string() }),
  key: (reserved) => reserved.orderId,
});

let warehouseIsOpen = true;

function inventory(waybill: Waybill<MemoryTransaction>): void {
  waybill.consumer("inventory").on(
    OrderPlaced,
    async ({ orderId, quantity }, { tx, send }) => {
      if (!warehouseIsOpen) throw new Error("the warehouse is closed");
      await tx.update("available", (available) => Number(available ?? 10) - quantity);
      await send(StockReserved, { orderId });
    },
    { retry: fixed({ everyMs: 60_000, attempts: 10 }) },
  );
}

/** Another service handles the answer, so its topic is only named. */
const makeBed = () => createTestBed({ setup: inventory, topics: [StockReserved] });

test("an order takes its quantity from the stock and is answered", async () => {
  await using bed = makeBed();
  await bed.transaction((tx) => bed.waybill.send(tx, OrderPlaced, { orderId: "o-1", quantity: 2 }));
  await bed.settle();
  expect(bed.storage.committed("available")).toBe(8);
  expect(bed.sent(StockReserved).map(({ payload }) => payload)).toEqual([{ orderId: "o-1" }]);
});

test("an order waits while the warehouse is closed", async () => {
  await using bed = makeBed();
  warehouseIsOpen = false;
  await bed.transaction((tx) => bed.waybill.send(tx, OrderPlaced, { orderId: "o-1", quantity: 2 }));
  await bed.settle();
  expect(await bed.parked()).toEqual([{ group: "inventory", reason: "retry", count: 1 }]);
  warehouseIsOpen = true;
  await bed.advance(60_000); // the fake clock: this takes no time
  expect(bed.handled("inventory", OrderPlaced)).toHaveLength(1);
});

test("an order that is delivered twice takes its quantity once", async () => {
  await using bed = makeBed();
  await bed.transaction((tx) => bed.waybill.send(tx, OrderPlaced, { orderId: "o-1", quantity: 2 }));
  await bed.settle();
  await bed.redeliver(OrderPlaced);
  expect(bed.storage.committed("available")).toBe(8);
});

test("a kill at any await, and a second delivery after it, change nothing", async () => {
  await crashEverywhere({
    bed: makeBed,
    async scenario(bed) {
      await bed.transaction((tx) => bed.waybill.send(tx, OrderPlaced, { orderId: "o-1", quantity: 2 }));
    },
    effects: (bed) => bed.storage.committed("available"),
  });
});

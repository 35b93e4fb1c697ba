import { fixed, Unprocessable, type MemoryTransaction, type Waybill } from "@waybill/core";
import { crashEverywhere, createTestBed } from "@waybill/testing";
import { expect, test } from "vitest";
import { correctFlow, place, Placed, Reserved } from "./support/orders.ts";

/** A few hundred runs take seconds; more on a busy machine. */
const SLOW = { timeout: 60_000 };
const UNKNOWN_QUANTITY = -1;

/** Every message fails once; one of them for good. */
function stumblingFlow(waybill: Waybill<MemoryTransaction>): void {
  waybill.consumer("stock").on(
    Placed,
    async ({ quantity }, { tx, attempt }) => {
      if (quantity === UNKNOWN_QUANTITY) throw new Unprocessable("how many?");
      if (attempt === 1) throw new Error("warehouse closed");
      await tx.update("available", (available) => Number(available ?? 10) - quantity);
    },
    {
      retry: fixed({ everyMs: 30_000, attempts: 3 }),
      compensate: async ({ order }, { send }) => void (await send(Reserved, { order })),
    },
  );
  waybill.consumer("mail").on(Reserved, async (_reserved, { tx }) => {
    await tx.update("answered", (answered) => Number(answered ?? 0) + 1);
  });
}

test("a correct flow survives a kill at every await, and a second delivery after each", SLOW, async () => {
  const report = await crashEverywhere({
    bed: () => createTestBed({ setup: correctFlow }),
    scenario: async (bed) => {
      await place(bed, "a", 2);
      await place(bed, "b");
    },
    effects: ({ storage }) => ({
      available: storage.committed("available"),
      mails: storage.committed("mails"),
    }),
  });
  expect(report.points).toBeGreaterThan(100);
  expect(report.crashes).toBe(report.points);
});

test("retries, parked messages, compensations and dead letters survive it as well", SLOW, async () => {
  const report = await crashEverywhere({
    bed: () => createTestBed({ setup: stumblingFlow }),
    async scenario(bed) {
      await place(bed, "a", 1);
      await place(bed, "a", 2);
      await place(bed, "b", UNKNOWN_QUANTITY);
      await bed.advance(120_000);
    },
    effects: async (bed) => ({
      available: bed.storage.committed("available"),
      order: bed.handled("stock", Placed).map(({ payload }) => payload.quantity),
      answered: bed.storage.committed("answered"),
      dead: (await bed.deadLetters()).map(({ reason, payload }) => ({ reason, payload })),
      parked: await bed.parked(),
    }),
    only: (point) => /^(storage\.(parked|transaction|deadLetters|inbox\.claim)|broker)/.test(point),
  });
  expect(report.points).toBeGreaterThan(80);
});

test("a scenario that fails without a crash fails as itself", async () => {
  const proof = crashEverywhere({
    bed: () => createTestBed({ setup: correctFlow }),
    scenario: () => Promise.reject(new Error("sold out")),
    effects: () => null,
  });
  await expect(proof).rejects.toThrow(/^sold out$/);
});

test("points can be left out", async () => {
  const report = await crashEverywhere({
    bed: () => createTestBed({ setup: correctFlow }),
    scenario: async (bed) => void (await place(bed, "a")),
    effects: ({ storage }) => storage.committed("available"),
    only: (point) => point.startsWith("storage.inbox.claim:"),
  });
  expect(report).toEqual({ points: 4, crashes: 4 });
});

import { crashEverywhere, createTestBed } from "@waybill/testing";
import { expect, test } from "vitest";
import { correctFlow, place } from "./support/orders.ts";

test("a correct flow survives a kill at every await, and a second delivery after each", async () => {
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

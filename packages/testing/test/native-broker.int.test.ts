import { nativeBroker } from "@waybill/broker";
import type { Broker } from "@waybill/core";
import { testFolder } from "@waybill/services/vitest";
import { crashEverywhere, createTestBed, type MemoryTestBed } from "@waybill/testing";
import { expect, test } from "vitest";
import { correctFlow, place } from "./support/orders.ts";

function makeBed(): MemoryTestBed<Broker> {
  return createTestBed({ setup: correctFlow, broker: nativeBroker({ dataDir: testFolder() }) });
}

test("a flow settles on a broker that writes to disk, and its messages come once", async () => {
  await using bed = makeBed();
  await place(bed, "a", 2);
  await bed.settle();
  expect(bed.storage.committed("available")).toBe(8);
  expect(await bed.redeliver()).toBe(2);
  expect(bed.storage.committed("mails")).toBe(1);
});

test("a kill at every await of the broker changes nothing", { timeout: 120_000 }, async () => {
  const report = await crashEverywhere({
    bed: makeBed,
    scenario: async (bed) => void (await place(bed, "a", 2)),
    effects: ({ storage }) => [storage.committed("available"), storage.committed("mails")],
    only: (point) => point.startsWith("broker."),
  });
  expect(report.points).toBeGreaterThan(15);
  expect(report.crashes).toBe(report.points);
});

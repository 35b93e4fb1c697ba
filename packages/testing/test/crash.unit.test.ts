import { CRASH_POINTS, createTestBed } from "@waybill/testing";
import { expect, test } from "vitest";
import { correctFlow, place, Placed, Reserved } from "./support/orders.ts";

for (const point of CRASH_POINTS) {
  test(`a process that dies at ${point} is followed by one that ends what it began`, async () => {
    await using bed = createTestBed({ setup: correctFlow });
    await place(bed, "a");
    bed.crashAt(point);
    await bed.settle();
    expect(bed.crashes).toEqual([point]);
    expect(bed.storage.committed("available")).toBe(9);
    expect(bed.storage.committed("mails")).toBe(1);
    expect(bed.handled()).toHaveLength(2);
  });
}

test("the n-th passing of a point can be chosen", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await place(bed, "a");
  bed.crashAt("before-ack#2");
  await bed.settle();
  expect(bed.crashes).toEqual(["before-ack#2"]);
  expect(bed.storage.committed("mails")).toBe(1);
});

test("a dead handler does nothing more, also when what it waits for comes true", async () => {
  const steps: string[] = [];
  let runs = 0;
  await using bed = createTestBed({
    setup(waybill) {
      waybill.consumer("stock").on(Placed, async ({ order }, { tx }) => {
        const run = (runs += 1);
        steps.push(`${run} begins`);
        await tx.set(order, run);
        steps.push(`${run} ends`);
      });
    },
  });
  await place(bed, "a");
  bed.crashAt("transaction.set:after");
  await bed.settle();
  expect(steps).toEqual(["1 begins", "2 begins", "2 ends"]);
  expect(bed.storage.committed("a")).toBe(2);
});

test("the setup is called again for every process", async () => {
  let setups = 0;
  await using bed = createTestBed({
    setup(waybill) {
      setups += 1;
      correctFlow(waybill);
    },
  });
  await place(bed, "a");
  bed.crashAt("after-publish");
  await bed.settle();
  bed.crashAt("before-commit");
  await place(bed, "b");
  await bed.settle();
  expect(setups).toBe(3);
  expect(bed.sent(Reserved)).toHaveLength(2);
});

test("a crash that did not happen is told, for the test would prove nothing", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  bed.crashAt("before-ack");
  await expect(bed.settle()).rejects.toThrow('to die at "before-ack", and settled without passing it');
});

test("what is no crash point is refused with those that are", () => {
  const bed = createTestBed({ setup: correctFlow });
  const name = "before-lunch" as "before-ack";
  expect(() => bed.crashAt(name)).toThrow('"before-lunch" is no crash point. Use one of before-handler');
});

test("the awaits that were passed are listed with port, method and count", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await place(bed, "a");
  await bed.settle();
  for (const call of [
    "storage.outbox.openWindow:before#1",
    "storage.relay.apply:after#1",
    "storage.inbox.claim:before#2",
    "storage.transaction:end#1",
    "transaction.update:after#1",
    "broker.publish:before#1",
    "broker.subscribe:after#2",
    "broker.ack:before#2",
  ] as const) {
    expect(bed.crashPoints).toContain(call);
  }
});

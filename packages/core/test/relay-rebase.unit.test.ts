import { expect, test } from "vitest";
import { createRelay, memoryBroker, memoryStorage } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

test("a broker that knows a higher epoch than the database ever gave: the relay says so, and goes on with a new incarnation", async () => {
  const { waybill, broker, storage, cron, place, events } = createBed();
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }) => void seen.push(no));
  const answer = await storage.relay.acquire("early", 60_000);
  if (answer.kind !== "acquired") throw new Error("held");
  const { incarnation } = answer.lease;
  await storage.relay.release(answer.lease);
  await broker.open();
  await broker.fence({ source: "orders", incarnation, epoch: 1_000 });
  await place("a", 1, 2);
  await waybill.start();
  await eventually("both arrived", async () => {
    await cron.tick();
    return seen.length === 2;
  });
  expect(seen).toEqual([1, 2]);
  const renewed = events.filter(({ type }) => type === "relay.incarnation");
  expect(renewed).toMatchObject([
    { level: "error", reason: expect.stringMatching(/higher epoch.*restored/) as string },
  ]);
  expect(renewed[0]).not.toMatchObject({ incarnation });
});

test("a broker that was fenced by the relay which took the lease over: no new incarnation", async () => {
  const storage = memoryStorage();
  const broker = memoryBroker();
  const first = await storage.relay.acquire("first", 60_000);
  if (first.kind !== "acquired") throw new Error("held");
  const events: string[] = [];
  // The fence of a successor, which takes the lease between our lease and our fence.
  const fence = broker.fence.bind(broker);
  let overtaken = false;
  broker.fence = async (wanted) => {
    if (!overtaken) {
      overtaken = true;
      const next = await storage.relay.acquire("first", 60_000);
      if (next.kind === "acquired") await fence({ ...wanted, epoch: next.lease.epoch });
    }
    return fence(wanted);
  };
  const relay = createRelay({
    source: "orders",
    storage,
    broker,
    owner: "first",
    onEvent: ({ type }) => events.push(type),
  });
  await relay.lead();
  await eventually("it stands by", () => relay.status().state === "standby");
  await relay.stop();
  expect(events).toContain("relay.lease-lost");
  const again = await storage.relay.acquire("first", 60_000);
  expect(again).toMatchObject({
    lease: { incarnation: first.lease.incarnation, renewedBecause: null },
  });
});

import { randomUUID } from "node:crypto";
import type { Broker, Envelope, Fence } from "@waybill/core";
import { expect } from "vitest";
import { fresh } from "../support/messages.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { fateOf, historyOf } from "./broker-bed.ts";
import { collect } from "./collector.ts";

const fenceOf = (epoch: number): Fence => ({ source: fresh("orders"), incarnation: randomUUID(), epoch });

async function fates(broker: Broker, batch: readonly Envelope[], fence: Fence): Promise<string[]> {
  return (await broker.publish(batch, { fence, timeoutMs: 5_000 })).map(fateOf);
}

export function fencingCases({ runs }: BrokerSuite): void {
  runs(
    "a stale epoch publishes nothing more, the same epoch goes on",
    ["fencing"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const old = fenceOf(1);
      const current = { ...old, epoch: 2 };
      await broker.fence(old);
      const [first, lost, alsoLost, last] = [next(), next(), next(), next()];
      expect(await fates(broker, [first], old)).toEqual(["confirmed"]);
      await broker.fence(current);
      const stale = await broker.publish([lost, alsoLost], { fence: old, timeoutMs: 5_000 });
      expect(stale.map(fateOf)).toEqual(["BROKER_FENCED", "BROKER_FENCED"]);
      expect(stale[0]).toMatchObject({ retryable: false });
      expect(await fates(broker, [last], current)).toEqual(["confirmed"]);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(2);
      await consumer.close();
      expect(consumer.ids()).toEqual([first.id, last.id]);
    },
  );

  runs(
    "fencing with an epoch that is over fails; with the same one it does nothing",
    ["fencing"],
    async ({ broker }) => {
      const fence = fenceOf(7);
      await broker.fence(fence);
      await broker.fence(fence);
      await expect(broker.fence({ ...fence, epoch: 6 })).rejects.toMatchObject({ code: "BROKER_FENCED" });
      await broker.fence({ ...fence, epoch: 9 });
      await expect(broker.fence({ ...fence, epoch: 8 })).rejects.toMatchObject({ code: "BROKER_FENCED" });
    },
  );

  runs(
    "a fence holds for its own source and incarnation only",
    ["fencing"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const fence = fenceOf(5);
      await broker.fence(fence);
      expect(await fates(broker, [next()], { ...fence, epoch: 1, source: fresh("other") })).toEqual([
        "confirmed",
      ]);
      const renewed = { ...fence, epoch: 1, incarnation: randomUUID() };
      expect(await fates(broker, [next()], renewed)).toEqual(["confirmed"]);
      expect((await broker.publish([next()], { fence: null, timeoutMs: 5_000 })).map(fateOf)).toEqual([
        "confirmed",
      ]);
      expect(await fates(broker, [next()], { ...fence, epoch: 4 })).toEqual(["BROKER_FENCED"]);
    },
  );

  runs("a fence survives a restart", ["fencing", "durable"], async (the) => {
    const fence = fenceOf(3);
    await the.broker.declareGroup(the.group, [the.topic]);
    await the.broker.fence(fence);
    const broker = await the.restart();
    const message = historyOf(the.topic)();
    expect(await fates(broker, [message], { ...fence, epoch: 2 })).toEqual(["BROKER_FENCED"]);
    expect(await fates(broker, [message], fence)).toEqual(["confirmed"]);
  });
}

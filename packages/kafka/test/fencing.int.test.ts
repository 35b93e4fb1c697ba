import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import type { Fence } from "@waybill/core";
import { testKafka } from "@waybill/services/vitest";
import { waitFor } from "@waybill/services";
import { collect, fates, fresh, message, openBroker } from "./kafka-fixture.ts";

const server = testKafka();
const timeoutMs = 10_000;

function fenceOf(epoch: number): Fence {
  return { source: fresh("orders"), incarnation: randomUUID(), epoch };
}

test("a relay that was replaced publishes nothing, and cannot take the place back", async () => {
  const { brokers, prefix } = server;
  const [old, current] = [await openBroker(brokers, prefix), await openBroker(brokers, prefix)];
  const [topic, group] = [fresh("order"), fresh("group")];
  await current.declareGroup(group, [topic]);
  const first = fenceOf(1);
  const second = { ...first, epoch: 2 };
  const [a, stale, b, c] = [message(topic), message(topic), message(topic), message(topic)];
  await old.fence(first);
  expect(fates(await old.publish([a], { fence: first, timeoutMs }))).toEqual(["confirmed"]);
  await current.fence(second);
  expect(fates(await current.publish([b], { fence: second, timeoutMs }))).toEqual(["confirmed"]);
  const refused = await old.publish([stale, stale], { fence: first, timeoutMs });
  expect(fates(refused)).toEqual(["BROKER_FENCED", "BROKER_FENCED"]);
  await expect(old.fence(first)).rejects.toMatchObject({ code: "BROKER_FENCED" });
  expect(fates(await old.publish([stale], { fence: first, timeoutMs }))).toEqual(["BROKER_FENCED"]);
  expect(fates(await current.publish([c], { fence: second, timeoutMs }))).toEqual(["confirmed"]);
  const got = await collect(current, group, [topic]);
  await waitFor(() => got.deliveries.length >= 3, { describe: "all messages" });
  expect(got.ids()).toEqual([a.id, b.id, c.id]);
});

test("what a relay had under way when it was replaced is delivered to nobody", async () => {
  const { brokers, prefix } = server;
  const broker = await openBroker(brokers, prefix);
  const [topic, group] = [fresh("order"), fresh("group")];
  await broker.declareGroup(group, [topic]);
  const fence = fenceOf(4);
  // The predecessor: its transaction is open and its records are in the log.
  const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  const predecessor = kafka.producer({
    transactionalId: `${prefix}source/${fence.source}`,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await predecessor.connect();
  onTestFinished(() => predecessor.disconnect());
  const open = await predecessor.transaction();
  await open.send({ topic: `${prefix}${topic}`, messages: [{ key: "k", value: "lost", partition: 0 }] });
  const sent = message(topic, { partition: 0 });
  await broker.fence(fence);
  expect(fates(await broker.publish([sent], { fence, timeoutMs }))).toEqual(["confirmed"]);
  await expect(open.commit()).rejects.toThrow("old epoch");
  const got = await collect(broker, group, [topic]);
  await waitFor(() => got.deliveries.length > 0, { describe: "the message" });
  expect(got.ids()).toEqual([sent.id]);
});

test("a source whose database was restored hears that a higher epoch is known, from any process", async () => {
  const { brokers, prefix } = server;
  const fence = fenceOf(9);
  const before = await openBroker(brokers, prefix);
  await before.fence(fence);
  await before[Symbol.asyncDispose]();
  const after = await openBroker(brokers, prefix);
  await expect(after.fence({ ...fence, epoch: 8 })).rejects.toMatchObject({ code: "BROKER_FENCED" });
  await after.fence({ ...fence, epoch: 1, incarnation: randomUUID() });
});

test("two relays that fence at once: the higher epoch publishes, the lower one does not", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const [one, two] = [await openBroker(brokers, prefix), await openBroker(brokers, prefix)];
  await one.declareGroup(group, [topic]);
  for (let round = 0; round < 5; round += 1) {
    const low = fenceOf(1);
    const high = { ...low, epoch: 2 };
    const [, fencedHigh] = await Promise.allSettled([one.fence(low), two.fence(high)]);
    // The lower one may have taken the id last before it read the higher epoch: then the higher one fences anew.
    if (fencedHigh?.status === "rejected") continue;
    const [result] = await one.publish([message(topic)], { fence: low, timeoutMs });
    const kept = await two.publish([message(topic)], { fence: high, timeoutMs });
    expect([fates([result ?? { kind: "held" }]), fates(kept)]).not.toEqual([["confirmed"], ["confirmed"]]);
  }
});

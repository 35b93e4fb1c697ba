import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Delivery, Envelope, Verdict } from "@waybill/core";
import type { KafkaBrokerEvent } from "@waybill/kafka";
import { waitFor } from "@waybill/services";
import { testKafka } from "@waybill/services/vitest";
import { byKey, collect, fates, fresh, message, messages, NO_FENCE, openBroker } from "./kafka-fixture.ts";

const server = testKafka();
const ack: Verdict = { kind: "ack" };

test("members that come and go while messages are in flight: nothing lost, nothing overtaken, nothing twice", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const broker = await openBroker(brokers, prefix);
  await broker.declareGroup(group, [topic]);
  const applied: Envelope[] = [];
  const atWork = new Map<string | null, string>();
  const clashes: string[] = [];
  // Messages of a key run one after the other in a real consumer; here a member's own overlap is allowed.
  const member =
    (name: string) =>
    async ({ envelope }: Delivery): Promise<Verdict> => {
      const other = atWork.get(envelope.key);
      if (other !== undefined && other !== name) clashes.push(envelope.id);
      atWork.set(envelope.key, name);
      await delay(5);
      applied.push(envelope);
      atWork.delete(envelope.key);
      return ack;
    };
  const batch = messages(topic, 600, 12);
  const first = await collect(broker, group, [topic], member("one"), 8);
  expect(new Set(fates(await broker.publish(batch, NO_FENCE)))).toEqual(new Set(["confirmed"]));
  await waitFor(() => applied.length > 50, { describe: "some messages" });
  const second = await collect(broker, group, [topic], member("two"), 8);
  await waitFor(() => second.deliveries.length > 20, { describe: "the second at work" });
  await first.subscription.close();
  await collect(broker, group, [topic], member("three"), 8);
  await waitFor(() => applied.length >= batch.length, { describe: "all messages", deadlineMs: 30_000 });
  expect(byKey(applied)).toEqual(byKey(batch));
  expect(applied).toHaveLength(batch.length);
  expect(clashes).toEqual([]);
});

test("a delivery that outlasts a rebalance is given to the next member, and its late verdict moves nothing", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const events: KafkaBrokerEvent[] = [];
  const broker = await openBroker(brokers, prefix, {
    topicPartitions: 1,
    drainMs: 50,
    onEvent: (event) => events.push(event),
  });
  await broker.declareGroup(group, [topic]);
  const stuck = Promise.withResolvers<Verdict>();
  const one = await collect(broker, group, [topic], () => stuck.promise, 2);
  const batch = [message(topic), message(topic), message(topic)];
  await broker.publish(batch, NO_FENCE);
  await waitFor(() => one.deliveries.length === 2, { describe: "two in flight" });
  const held = Promise.withResolvers<Verdict>();
  const two = await collect(broker, group, [topic], () => held.promise, 2);
  await waitFor(() => events.some(({ type }) => type === "kafka.released"), { describe: "a release" });
  stuck.resolve(ack);
  await one.subscription.close();
  await waitFor(() => two.deliveries.length === 2, { describe: "deliveries at the other" });
  await two.subscription.close({ deadlineMs: 0 });
  const three = await collect(broker, group, [topic]);
  await waitFor(() => three.deliveries.length >= 3, { describe: "all again" });
  expect(three.ids()).toEqual(batch.map(({ id }) => id));
  expect(three.deliveries[0]?.redelivered).toBe(true);
});

test("members of one group that take different topics share each among those that take it", async () => {
  const { brokers, prefix } = server;
  const [left, both, group] = [fresh("left"), fresh("both"), fresh("group")];
  const broker = await openBroker(brokers, prefix);
  await broker.declareGroup(group, [left, both]);
  const one = await collect(broker, group, [both]);
  const two = await collect(broker, group, [left, both]);
  const batch = [...messages(left, 20, 20), ...messages(both, 20, 20)];
  await broker.publish(batch, NO_FENCE);
  await waitFor(() => one.deliveries.length + two.deliveries.length >= 40, { describe: "all messages" });
  expect(new Set([...one.ids(), ...two.ids()])).toEqual(new Set(batch.map(({ id }) => id)));
  expect(one.deliveries.filter(({ envelope }) => envelope.topic === left)).toEqual([]);
});

test("a slow group has its fetching paused and gets everything in the end", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const broker = await openBroker(brokers, prefix, { topicPartitions: 1 });
  await broker.declareGroup(group, [topic]);
  const batch = Array.from({ length: 12_000 }, () => message(topic, { payload: Buffer.alloc(500) }));
  for (let from = 0; from < batch.length; from += 2_000)
    await broker.publish(batch.slice(from, from + 2_000), NO_FENCE);
  const open = Promise.withResolvers<Verdict>();
  const slow = await collect(broker, group, [topic], () => open.promise, 10);
  await waitFor(() => slow.deliveries.length === 10, { describe: "the first ten" });
  open.resolve(ack);
  await waitFor(() => slow.deliveries.length >= batch.length, {
    describe: "all messages",
    deadlineMs: 40_000,
  });
  expect(slow.ids()).toEqual(batch.map(({ id }) => id));
});

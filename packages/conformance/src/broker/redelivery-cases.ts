import type { Verdict } from "@waybill/core";
import { expect } from "vitest";
import { newEnvelope } from "../support/messages.ts";
import { oneTurn, staysTrue, waitUntil } from "../support/wait-until.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { publishAll } from "./broker-bed.ts";
import { collect, gate } from "./collector.ts";

const ack: Verdict = { kind: "ack" };

export function redeliveryCases({ runs }: BrokerSuite): void {
  runs(
    "a consumer that never settled and closed: another gets the messages, marked",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 5 }, () => newEnvelope({ topic }));
      await publishAll(broker, batch);
      const stuck = await collect(broker, { group, topics: [topic], prefetch: 3 }, () => gate().pass());
      await stuck.until(3);
      expect(stuck.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, false, false]);
      await stuck.close(10);
      const next = await collect(broker, { group, topics: [topic] });
      await next.until(batch.length);
      await next.close();
      expect(next.ids()).toEqual(batch.map(({ id }) => id));
      expect(next.deliveries.slice(0, 3).map(({ redelivered }) => redelivered)).toEqual([true, true, true]);
    },
  );

  runs("what a closed consumer answers too late counts no more", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    await publishAll(broker, [newEnvelope({ topic })]);
    const late = gate();
    const first = await collect(broker, { group, topics: [topic] }, late.pass);
    await first.until(1);
    await first.close(10);
    const second = await collect(broker, { group, topics: [topic] }, () => gate().pass());
    await second.until(1);
    late.open();
    await oneTurn();
    await second.close(10);
    const third = await collect(broker, { group, topics: [topic] });
    await third.until(1);
    await third.close();
    expect(third.ids()).toEqual(first.ids());
  });

  runs("a subscription that is closing starts no further delivery", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    const slow = gate();
    const closing = await collect(broker, { group, topics: [topic], prefetch: 4 }, slow.pass);
    await publishAll(broker, [newEnvelope({ topic })]);
    await closing.until(1);
    const closed = closing.close(5_000);
    await publishAll(broker, [newEnvelope({ topic })]);
    expect(await staysTrue(() => closing.deliveries.length === 1)).toBe(true);
    slow.open();
    await closed;
    const next = await collect(broker, { group, topics: [topic] });
    await next.until(1);
    await next.close();
    expect(closing.deliveries).toHaveLength(1);
  });

  runs("close waits for deliveries that settle in time", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    const [first, second] = [newEnvelope({ topic }), newEnvelope({ topic })];
    await publishAll(broker, [first]);
    const slow = gate();
    const closing = await collect(broker, { group, topics: [topic] }, slow.pass);
    await closing.until(1);
    const closed = closing.close(5_000);
    slow.open();
    await closed;
    await publishAll(broker, [second]);
    const next = await collect(broker, { group, topics: [topic] });
    await next.until(1);
    await next.close();
    expect(next.ids()).toEqual([second.id]);
    expect(closing.ids()).toEqual([first.id]);
  });

  runs(
    "a delivery whose handler fails or asks for it comes again, marked",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const message = newEnvelope({ topic });
      const consumer = await collect(broker, { group, topics: [topic] }, (_delivery, index) => {
        if (index === 0) return Promise.reject(new Error("handler failed"));
        return Promise.resolve(index === 1 ? { kind: "requeue" } : ack);
      });
      await publishAll(broker, [message]);
      await consumer.until(3);
      await consumer.close();
      expect(consumer.ids()).toEqual([message.id, message.id, message.id]);
      expect(consumer.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, true, true]);
    },
  );

  runs(
    "a handler that throws before its first await is a failed handler",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const consumer = await collect(broker, { group, topics: [topic] }, (_delivery, index) => {
        if (index === 0) throw new Error("at once");
        return Promise.resolve(ack);
      });
      await publishAll(broker, [newEnvelope({ topic })]);
      await consumer.until(2);
      await consumer.close();
      expect(consumer.deliveries[1]?.redelivered).toBe(true);
    },
  );

  runs(
    "a requeued message comes before later ones of its partition",
    ["orderedByKey"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 4 }, () => newEnvelope({ topic }));
      await publishAll(broker, batch);
      const consumer = await collect(broker, { group, topics: [topic], prefetch: 1 }, (_delivery, index) =>
        Promise.resolve(index === 1 ? { kind: "requeue" } : ack),
      );
      await consumer.until(batch.length + 1);
      await consumer.close();
      const ids = batch.map(({ id }) => id);
      expect(consumer.ids()).toEqual([ids[0], ids[1], ids[1], ids[2], ids[3]]);
    },
  );

  runs(
    "what was released at the deadline comes again in its old order",
    ["orderedByKey"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 6 }, () => newEnvelope({ topic }));
      await publishAll(broker, batch);
      const stuck = await collect(broker, { group, topics: [topic], prefetch: 4 }, (_delivery, index) =>
        index === 1 ? Promise.resolve(ack) : gate().pass(),
      );
      await stuck.until(5);
      await stuck.close(10);
      const next = await collect(broker, { group, topics: [topic] });
      await next.until(batch.length - 1);
      await next.close();
      expect(next.ids()).toEqual(batch.map(({ id }) => id).filter((_, index) => index !== 1));
    },
  );

  runs("what was applied never comes again", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    const batch = Array.from({ length: 10 }, () => newEnvelope({ topic }));
    await publishAll(broker, batch);
    const first = await collect(broker, { group, topics: [topic] });
    await first.until(batch.length);
    await first.close();
    const last = newEnvelope({ topic });
    await publishAll(broker, [last]);
    const second = await collect(broker, { group, topics: [topic] });
    await waitUntil("the last message", () => second.ids().includes(last.id));
    await second.close();
    expect(second.ids()).toEqual([last.id]);
  });
}

import { randomUUID } from "node:crypto";
import { SYSTEM_HEADERS, type Broker, type Envelope } from "@waybill/core";
import { expect } from "vitest";
import { newEnvelope } from "../support/messages.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { historyOf, publishAll } from "./broker-bed.ts";
import { collect } from "./collector.ts";

const LATER_MESSAGES = 1_000;

/** What the group gets, up to a last message of the same partition that ends the wait. */
async function received(broker: Broker, group: string, last: Envelope): Promise<string[]> {
  await publishAll(broker, [last]);
  const consumer = await collect(broker, { group, topics: [last.topic], prefetch: 64 });
  for (let count = 1; !consumer.ids().includes(last.id); count += 1) await consumer.until(count);
  await consumer.close();
  return consumer.ids().filter((id) => id !== last.id);
}

function forGroup(group: string, envelope: Envelope): Envelope {
  return { ...envelope, headers: { ...envelope.headers, [SYSTEM_HEADERS.group]: group } };
}

export function deduplicationCases({ runs }: BrokerSuite): void {
  runs(
    "the same position with the same id is confirmed again and delivered once",
    ["deduplicates"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const batch = [next(), next()];
      await publishAll(broker, batch);
      await publishAll(broker, batch);
      await publishAll(
        broker,
        batch.flatMap((envelope) => [envelope, { ...envelope }]),
      );
      expect(await received(broker, group, next())).toEqual(batch.map(({ id }) => id));
    },
  );

  runs(
    "a copy is known although its first was applied already",
    ["deduplicates"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const message = next();
      await publishAll(broker, [message]);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(1);
      await consumer.close();
      await publishAll(broker, [message]);
      expect(await received(broker, group, next())).toEqual([]);
    },
  );

  runs(
    "the same position with another id is delivered",
    ["deduplicates"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const first = next();
      const other = { ...first, id: randomUUID() };
      await publishAll(broker, [first]);
      await publishAll(broker, [other]);
      expect(await received(broker, group, next())).toEqual([first.id, other.id]);
    },
  );

  runs(
    "the same sequence of another source, incarnation, topic or partition is another position",
    ["deduplicates"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const first = next({ partition: 3 });
      const others = [
        { ...first, source: "another" },
        { ...first, position: { incarnation: randomUUID(), sequence: 0 } },
        { ...first, partition: 4 },
      ];
      await publishAll(broker, [first, ...others]);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(4);
      await consumer.close();
    },
  );

  runs(
    "messages without a position are never taken for copies",
    ["deduplicates"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const message = newEnvelope({ topic });
      await publishAll(broker, [message, message]);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(2);
      await consumer.close();
    },
  );

  runs("a copy for one group is stored although the message is known", [], async (the) => {
    const { topic, group } = the;
    await the.broker.declareGroup(group, [topic]);
    const next = historyOf(topic);
    const message = next();
    const copy = forGroup(group, message);
    await publishAll(the.broker, [message, copy, copy]);
    expect(await received(the.broker, group, next())).toEqual([message.id, message.id, message.id]);
  });

  runs("a copy for one group makes nothing known, not even by a restart", ["durable"], async (the) => {
    const { topic, group } = the;
    await the.broker.declareGroup(group, [topic]);
    const next = historyOf(topic);
    const [before, after] = [next(), next()];
    await publishAll(the.broker, [forGroup("another", before), before, forGroup("another", after)]);
    const broker = await the.restart();
    await publishAll(broker, [after]);
    expect(await received(broker, group, next())).toEqual([before.id, before.id, after.id, after.id]);
  });

  runs(
    "a lower sequence that comes after a thousand later ones is delivered",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const late = next();
      const batch = Array.from({ length: LATER_MESSAGES }, () => next());
      for (let from = 0; from < batch.length; from += 250)
        await publishAll(broker, batch.slice(from, from + 250));
      await publishAll(broker, [late]);
      const got = await received(broker, group, next());
      expect(got).toHaveLength(LATER_MESSAGES + 1);
      expect(got).toContain(late.id);
    },
  );

  runs("positions are known after a restart", ["deduplicates", "durable"], async (the) => {
    const { topic, group } = the;
    await the.broker.declareGroup(group, [topic]);
    const next = historyOf(topic);
    const batch = [next(), next(), next()];
    await publishAll(the.broker, batch);
    const broker = await the.restart();
    await publishAll(broker, batch);
    expect(await received(broker, group, next())).toEqual(batch.map(({ id }) => id));
  });
}

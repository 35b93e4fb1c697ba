import { expect } from "vitest";
import { fresh, newEnvelope } from "../support/messages.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { fateOf, historyOf, kindsOf, NO_FENCE, publishAll } from "./broker-bed.ts";
import { collect } from "./collector.ts";

export function routingCases({ runs }: BrokerSuite): void {
  runs(
    "a message that no group would get is rejected for now, never confirmed",
    [],
    async ({ broker, topic }) => {
      const [result] = await broker.publish([newEnvelope({ topic })], NO_FENCE);
      expect(fateOf(result)).toBe("UNROUTABLE");
      expect(result).toMatchObject({ retryable: true });
    },
  );

  runs(
    "an unroutable message is confirmed once a group has its topic",
    [],
    async ({ broker, topic, group }) => {
      const message = historyOf(topic)();
      expect(kindsOf(await broker.publish([message], NO_FENCE))).toEqual(["rejected"]);
      await broker.declareGroup(group, [topic]);
      await publishAll(broker, [message]);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(1);
      expect(consumer.ids()).toEqual([message.id]);
      await consumer.close();
    },
  );

  runs(
    "a declared group keeps what is published before it subscribes",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 20 }, () => newEnvelope({ topic }));
      await publishAll(broker, batch);
      const consumer = await collect(broker, { group, topics: [topic] });
      await consumer.until(batch.length);
      expect(new Set(consumer.ids())).toEqual(new Set(batch.map(({ id }) => id)));
      expect(consumer.deliveries.map(({ redelivered }) => redelivered)).toEqual(batch.map(() => false));
      await consumer.close();
    },
  );

  runs("every group gets every message once", [], async ({ broker, topic, group }) => {
    const groups = [group, fresh("group"), fresh("group")];
    for (const name of groups) await broker.declareGroup(name, [topic]);
    const batch = Array.from({ length: 30 }, (_, index) => newEnvelope({ topic, key: `k${index % 7}` }));
    await publishAll(broker, batch);
    for (const name of groups) {
      const consumer = await collect(broker, { group: name, topics: [topic] });
      await consumer.until(batch.length);
      await consumer.close();
      expect(consumer.ids().toSorted()).toEqual(batch.map(({ id }) => id).toSorted());
    }
  });

  runs("a group gets its own topics and no others", [], async ({ broker, topic, group }) => {
    const [second, foreign] = [fresh("thing"), fresh("thing")];
    await broker.declare([{ name: second }, { name: foreign }]);
    await broker.declareGroup(group, [topic, second]);
    await broker.declareGroup(fresh("group"), [topic, foreign]);
    const batch = [foreign, topic, second].map((name) => newEnvelope({ topic: name }));
    await publishAll(broker, batch);
    const consumer = await collect(broker, { group, topics: [topic, second] });
    await consumer.until(2);
    await consumer.close();
    expect(consumer.deliveries.map(({ envelope }) => envelope.topic).toSorted()).toEqual(
      [topic, second].toSorted(),
    );
  });

  runs("confirmed messages and their groups survive a restart", ["durable"], async (the) => {
    const { topic, group } = the;
    await the.broker.declareGroup(group, [topic]);
    const batch = Array.from({ length: 50 }, () => newEnvelope({ topic }));
    await publishAll(the.broker, batch);
    const broker = await the.restart();
    const consumer = await collect(broker, { group, topics: [topic] });
    await consumer.until(batch.length);
    await consumer.close();
    expect(consumer.ids()).toEqual(batch.map(({ id }) => id));
  });

  runs("what was applied before a restart does not come again, the rest does", ["durable"], async (the) => {
    const { topic, group } = the;
    const batch = Array.from({ length: 4 }, () => newEnvelope({ topic }));
    await the.broker.declareGroup(group, [topic]);
    await publishAll(the.broker, batch);
    const first = await collect(the.broker, { group, topics: [topic], prefetch: 1 }, (_delivery, index) =>
      index < 2 ? Promise.resolve({ kind: "ack" }) : Promise.withResolvers<never>().promise,
    );
    await first.until(3);
    await first.close(10);
    const broker = await the.restart();
    const second = await collect(broker, { group, topics: [topic] });
    await second.until(2);
    await second.close();
    expect(second.ids()).toEqual([batch[2]?.id, batch[3]?.id]);
    expect(second.deliveries[0]?.redelivered).toBe(true);
  });
}

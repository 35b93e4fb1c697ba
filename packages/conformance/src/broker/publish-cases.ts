import { expect } from "vitest";
import { newEnvelope } from "../support/messages.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { fateOf, historyOf, kindsOf, NO_FENCE, publishAll } from "./broker-bed.ts";
import { collect } from "./collector.ts";

const KINDS = ["confirmed", "rejected", "held", "unknown"];

export function publishCases({ runs }: BrokerSuite): void {
  runs("one result for each message, in their order; none for none", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    expect(await broker.publish([], NO_FENCE)).toEqual([]);
    const foreign = newEnvelope({ topic: `${topic}-nobody`, partition: 1 });
    const batch = [newEnvelope({ topic, partition: 2 }), foreign, newEnvelope({ topic, partition: 3 })];
    const results = await broker.publish(batch, NO_FENCE);
    expect(results.map(fateOf)).toEqual(["confirmed", "UNROUTABLE", "confirmed"]);
  });

  runs("a payload that is too large is rejected for good", [], async ({ broker, topic, group, features }) => {
    await broker.declareGroup(group, [topic]);
    const large = newEnvelope({ topic, partition: 1, payload: new Uint8Array(features.payloadBytesMax + 1) });
    const small = newEnvelope({ topic, partition: 2 });
    const results = await broker.publish([large, small], NO_FENCE);
    expect(results.map(fateOf)).toEqual(["PAYLOAD_TOO_LARGE", "confirmed"]);
    expect(results[0]).toMatchObject({ retryable: false });
    const consumer = await collect(broker, { group, topics: [topic] });
    await consumer.until(1);
    await consumer.close();
    expect(consumer.ids()).toEqual([small.id]);
  });

  runs(
    "after a refused message the rest of its partition is held, other partitions go on",
    ["prefixAcceptance"],
    async ({ broker, topic, group, features }) => {
      await broker.declareGroup(group, [topic]);
      const next = historyOf(topic);
      const payload = new Uint8Array(features.payloadBytesMax + 1);
      const batch = [
        next({ partition: 1 }),
        next({ partition: 1, payload }),
        next({ partition: 2 }),
        next({ partition: 1 }),
        next({ partition: 1 }),
        next({ partition: 2 }),
      ];
      const results = await broker.publish(batch, NO_FENCE);
      expect(kindsOf(results)).toEqual(["confirmed", "rejected", "confirmed", "held", "held", "confirmed"]);
      await publishAll(
        broker,
        [batch[3], batch[4]].filter((envelope) => envelope !== undefined),
      );
      const consumer = await collect(broker, { group, topics: [topic], prefetch: 1 });
      await consumer.until(5);
      await consumer.close();
      const ids = consumer.deliveries
        .filter(({ envelope }) => envelope.partition === 1)
        .map(({ envelope }) => envelope.id);
      expect(ids).toEqual([batch[0]?.id, batch[3]?.id, batch[4]?.id]);
    },
  );

  runs(
    "a publish during which the broker closes answers something for every message",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 100 }, () => newEnvelope({ topic }));
      const publishing = broker.publish(batch, NO_FENCE);
      await broker[Symbol.asyncDispose]();
      const kinds = kindsOf(await publishing);
      expect(kinds).toHaveLength(batch.length);
      expect(kinds.filter((kind) => !KINDS.includes(kind))).toEqual([]);
    },
  );

  runs("a broker that is closed confirms nothing", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    await broker[Symbol.asyncDispose]();
    const [result] = await broker.publish([newEnvelope({ topic })], NO_FENCE);
    expect(result?.kind).toBe("unknown");
  });

  runs(
    "opening an open broker does nothing, and its health tells whether it is up",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      expect(await broker.health()).toEqual({ status: "up", detail: "" });
      await broker.open();
      await publishAll(broker, [newEnvelope({ topic })]);
      await broker[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      const health = await broker.health();
      expect(health.status).toBe("down");
      expect(health.detail).not.toBe("");
    },
  );
}

import type { Delivery, Envelope } from "@waybill/core";
import { expect } from "vitest";
import { oneTurn, waitUntil } from "../support/wait-until.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { historyOf, publishAll } from "./broker-bed.ts";
import { collect } from "./collector.ts";

const KEYS = ["a", "b", "c", "d", "e"];
const MESSAGES = 200;

/** The ids of each key, in the order in which they came. */
function byKey(envelopes: readonly Envelope[]): Map<string | null, string[]> {
  const found = new Map<string | null, string[]>();
  for (const { key, id } of envelopes) found.set(key, [...(found.get(key) ?? []), id]);
  return found;
}

function interleaved(topic: string, keys = KEYS): Envelope[] {
  const next = historyOf(topic);
  return Array.from({ length: MESSAGES }, (_, index) => next({ key: keys[index % keys.length] ?? "a" }));
}

export function orderCases({ runs }: BrokerSuite): void {
  runs(
    "messages of a key arrive in the order in which they were confirmed",
    ["orderedByKey"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = interleaved(topic);
      const consumer = await collect(broker, { group, topics: [topic] });
      for (let from = 0; from < batch.length; from += 40)
        await publishAll(broker, batch.slice(from, from + 40));
      await consumer.until(batch.length);
      await consumer.close();
      expect(byKey(consumer.deliveries.map(({ envelope }) => envelope))).toEqual(byKey(batch));
    },
  );

  runs(
    "competing subscriptions of a group share its messages, in the order of each key",
    ["orderedByKey"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = interleaved(topic, ["a", "b"]);
      const all: Envelope[] = [];
      const running = new Map<number, string>();
      const clashes: string[] = [];
      const member =
        (name: string) =>
        async ({ envelope }: Delivery) => {
          all.push(envelope);
          const other = running.get(envelope.partition);
          if (other !== undefined && other !== name) clashes.push(envelope.id);
          running.set(envelope.partition, name);
          await oneTurn();
          running.delete(envelope.partition);
          return { kind: "ack" } as const;
        };
      const names = ["one", "two", "three"];
      const members = await Promise.all(
        names.map((name) => collect(broker, { group, topics: [topic], prefetch: 1 }, member(name))),
      );
      await publishAll(broker, batch);
      await waitUntil("all messages", () => all.length >= batch.length);
      await Promise.all(members.map((one) => one.close()));
      expect(byKey(all)).toEqual(byKey(batch));
      expect(clashes).toEqual([]);
    },
  );

  runs(
    "order holds while subscriptions of a group come and go",
    ["orderedByKey"],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = interleaved(topic);
      await publishAll(broker, batch);
      const applied: Envelope[] = [];
      let done = false;
      while (!done) {
        let settled = 0;
        const member = await collect(
          broker,
          { group, topics: [topic], prefetch: 1 },
          async ({ envelope }) => {
            await oneTurn();
            applied.push(envelope);
            settled += 1;
            return { kind: "ack" };
          },
        );
        await waitUntil("progress", () => settled > 20 || applied.length >= batch.length);
        await member.close();
        done = applied.length >= batch.length;
      }
      expect(byKey(applied)).toEqual(byKey(batch));
    },
  );
}

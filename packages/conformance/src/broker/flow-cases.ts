import { expect } from "vitest";
import { fresh, newEnvelope } from "../support/messages.ts";
import { oneTurn, staysTrue } from "../support/wait-until.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { publishAll } from "./broker-bed.ts";
import { collect, gate } from "./collector.ts";

export function flowCases({ runs }: BrokerSuite): void {
  runs(
    "no more deliveries are unsettled at once than the prefetch allows",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 40 }, (_, index) => newEnvelope({ topic, key: `k${index}` }));
      await publishAll(broker, batch);
      let running = 0;
      let most = 0;
      const consumer = await collect(broker, { group, topics: [topic], prefetch: 4 }, async () => {
        running += 1;
        most = Math.max(most, running);
        await oneTurn();
        running -= 1;
        return { kind: "ack" };
      });
      await consumer.until(batch.length);
      await consumer.close();
      expect(most).toBeLessThanOrEqual(4);
      expect(most).toBeGreaterThan(0);
    },
  );

  runs(
    "a group that does not settle is given its prefetch and not more",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const batch = Array.from({ length: 20 }, (_, index) => newEnvelope({ topic, key: `k${index}` }));
      await publishAll(broker, batch);
      const blocked = gate();
      const consumer = await collect(broker, { group, topics: [topic], prefetch: 5 }, blocked.pass);
      await consumer.until(5);
      expect(await staysTrue(() => consumer.deliveries.length === 5)).toBe(true);
      blocked.open();
      await consumer.until(batch.length);
      await consumer.close();
    },
  );

  runs("a group that is slow does not stop another", [], async ({ broker, topic, group }) => {
    const slow = fresh("group");
    await broker.declareGroup(group, [topic]);
    await broker.declareGroup(slow, [topic]);
    const stuck = await collect(broker, { group: slow, topics: [topic], prefetch: 1 }, () => gate().pass());
    const quick = await collect(broker, { group, topics: [topic] });
    const batch = Array.from({ length: 100 }, () => newEnvelope({ topic }));
    await publishAll(broker, batch);
    await quick.until(batch.length);
    await stuck.until(1);
    expect(stuck.deliveries).toHaveLength(1);
    await quick.close();
    await stuck.close(10);
  });

  runs("a paused subscription gets nothing new until it is resumed", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    const consumer = await collect(broker, { group, topics: [topic], prefetch: 1 });
    await publishAll(broker, [newEnvelope({ topic })]);
    await consumer.until(1);
    consumer.subscription.pause();
    await publishAll(broker, [newEnvelope({ topic }), newEnvelope({ topic })]);
    expect(await staysTrue(() => consumer.deliveries.length === 1)).toBe(true);
    consumer.subscription.resume();
    await consumer.until(3);
    await consumer.close();
  });

  runs("a closed subscription gets nothing more", [], async ({ broker, topic, group }) => {
    await broker.declareGroup(group, [topic]);
    const consumer = await collect(broker, { group, topics: [topic] });
    await consumer.close();
    await consumer.close();
    await publishAll(broker, [newEnvelope({ topic })]);
    expect(await staysTrue(() => consumer.deliveries.length === 0)).toBe(true);
  });
}

import { expect, onTestFinished, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { startKafkaCluster, waitFor, whyNoKafka } from "@waybill/services";
import { needsPart } from "@waybill/services/vitest";
import { byKey, collect, fresh, messages, openBroker, publishUntilConfirmed } from "./kafka-fixture.ts";

needsPart("kafka", whyNoKafka({ own: true }));

const NODES = 3;
const PER_BATCH = 100;

test("each node of a cluster is killed in turn while messages flow: nothing is lost or overtaken", async () => {
  const cluster = await startKafkaCluster();
  onTestFinished(() => cluster[Symbol.asyncDispose]());
  const [topic, group] = [fresh("order"), fresh("group")];
  const options = { requestTimeoutMs: 3_000, connectTimeoutMs: 1_000, sessionTimeoutMs: 6_000 };
  const broker = await openBroker(cluster.brokers, "loss-", options);
  await broker.declareGroup(group, [topic]);
  const got = await collect(broker, group, [topic]);
  const other = await openBroker(cluster.brokers, "loss-", options);
  const gotToo = await collect(other, group, [topic]);
  const fence = { source: "orders", incarnation: "one", epoch: 1 };
  const sent: Envelope[] = [];
  const publishSome = async (batches: number): Promise<void> => {
    for (let count = 0; count < batches; count += 1) {
      const batch = messages(topic, PER_BATCH, 20);
      await publishUntilConfirmed(broker, batch, fence);
      sent.push(...batch);
    }
  };
  const recoveries: number[] = [];
  for (let node = 0; node < NODES; node += 1) {
    await publishSome(3);
    await cluster.nodes[node]?.kill();
    const killedAt = performance.now();
    await publishSome(1);
    recoveries.push(Math.round(performance.now() - killedAt));
    await publishSome(2);
    await cluster.nodes[node]?.start();
  }
  const all = (): Envelope[] => [...got.deliveries, ...gotToo.deliveries].map(({ envelope }) => envelope);
  const ids = new Set(sent.map(({ id }) => id));
  await waitFor(() => new Set(all().map(({ id }) => id)).size >= ids.size, {
    deadlineMs: 90_000,
    describe: () => `${new Set(all().map(({ id }) => id)).size} of ${ids.size}`,
  });
  process.stdout.write(`first confirm after a node was killed: ${recoveries.join(", ")} ms\n`);
  for (const deliveries of [got.deliveries, gotToo.deliveries])
    expectOrder(
      deliveries.map(({ envelope }) => envelope),
      sent,
    );
});

/** What one member saw of a key for the first time is in the order in which it was sent. */
function expectOrder(seen: readonly Envelope[], sent: readonly Envelope[]): void {
  const orders = byKey(sent);
  for (const [key, ids] of byKey(seen)) {
    const places = ids.map((id) => orders.get(key)?.indexOf(id) ?? -1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  }
}

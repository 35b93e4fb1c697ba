import { expect, onTestFinished, test } from "vitest";
import { startKafka, waitFor, whyNoKafka, type KafkaServer } from "@waybill/services";
import { needsPart } from "@waybill/services/vitest";
import {
  byKey,
  collect,
  fates,
  fresh,
  message,
  messages,
  openBroker,
  publishUntilConfirmed,
} from "./kafka-fixture.ts";

needsPart("kafka", whyNoKafka({ own: true }));

const PREFIX = "restart-";

async function ownKafka(): Promise<KafkaServer> {
  const server = await startKafka();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

test("Kafka is killed and comes back while a relay publishes and a group consumes: nothing is lost or overtaken", async () => {
  const server = await ownKafka();
  const broker = await openBroker(server.brokers, PREFIX, { requestTimeoutMs: 2_000 });
  const [topic, group] = [fresh("order"), fresh("group")];
  await broker.declareGroup(group, [topic]);
  const got = await collect(broker, group, [topic]);
  const fence = { source: "orders", incarnation: "one", epoch: 1 };
  await broker.fence(fence);
  const all = messages(topic, 3_000, 20);
  let restarting: Promise<void> | null = null;
  for (let from = 0; from < all.length; from += 100) {
    if (from === 1_000 || from === 2_000) {
      await server.kill();
      restarting = server.start();
    }
    await publishUntilConfirmed(broker, all.slice(from, from + 100), fence);
  }
  await restarting;
  const ids = new Set(all.map(({ id }) => id));
  await waitFor(() => new Set(got.ids()).size >= ids.size, { deadlineMs: 60_000, describe: "all messages" });
  expect(byKey(got.deliveries.map(({ envelope }) => envelope))).toEqual(byKey(all));
});

test("a server that says nothing leaves messages unknown in time, and they are confirmed once it speaks", async () => {
  const server = await ownKafka();
  const broker = await openBroker(server.brokers, PREFIX, { requestTimeoutMs: 1_000 });
  const [topic, group] = [fresh("order"), fresh("group")];
  await broker.declareGroup(group, [topic]);
  const fence = { source: "orders", incarnation: "one", epoch: 1 };
  await broker.fence(fence);
  const [first, second] = [message(topic), message(topic)];
  expect(fates(await broker.publish([first], { fence, timeoutMs: 5_000 }))).toEqual(["confirmed"]);
  server.pause();
  const started = performance.now();
  expect(fates(await broker.publish([second], { fence, timeoutMs: 1_500 }))).toEqual(["unknown"]);
  expect(performance.now() - started).toBeLessThan(4_000);
  server.resume();
  await publishUntilConfirmed(broker, [second], fence);
  const got = await collect(broker, group, [topic]);
  await waitFor(() => new Set(got.ids()).size === 2, { deadlineMs: 30_000, describe: "both messages" });
  expect(byKey(got.deliveries.map(({ envelope }) => envelope))).toEqual(
    new Map([["k", [first.id, second.id]]]),
  );
});

test("a broker that is down cannot be opened, and says where it looked", async () => {
  const server = await ownKafka();
  await server.stop();
  const broker = openBroker(server.brokers, PREFIX, { connectTimeoutMs: 500 });
  await expect(broker).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
  await expect(broker).rejects.toThrow(server.brokers[0] ?? "");
});

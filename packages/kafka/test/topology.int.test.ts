import kafkajs from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "@waybill/services";
import { testKafka } from "@waybill/services/vitest";
import { oneAtATime } from "../src/kafkajs/one-at-a-time.ts";
import { groupOffsets } from "../src/topology/group-offsets.ts";
import {
  collect,
  createTopic,
  fates,
  fresh,
  message,
  messages,
  NO_FENCE,
  openBroker,
} from "./kafka-fixture.ts";

const server = testKafka();

async function admin(): Promise<ReturnType<kafkajs.Kafka["admin"]>> {
  const made = new kafkajs.Kafka({ brokers: server.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await made.connect();
  onTestFinished(() => made.disconnect());
  return made;
}

test("another number of partitions is refused, by consumers and by publishers", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const before = await openBroker(brokers, prefix, { topicPartitions: 3 });
  await before.declareGroup(group, [topic]);
  const kafka = await admin();
  await kafka.createPartitions({ topicPartitions: [{ topic: `${prefix}${topic}`, count: 5 }] });
  const after = await openBroker(brokers, prefix);
  await expect(after.declareGroup(group, [topic])).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  await expect(after.declareGroup(group, [topic])).rejects.toThrow("has 5 partitions and had 3");
  const fresher = await openBroker(brokers, prefix);
  const [result] = await fresher.publish([message(topic)], NO_FENCE);
  expect(result).toMatchObject({ kind: "unknown", error: { code: "TOPOLOGY_MISMATCH" } });
  expect(await fresher.health()).toMatchObject({ status: "blocked" });
});

test("with declare: false a missing topic is refused, and one that is there is used", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const broker = await openBroker(brokers, prefix, { declare: false });
  await expect(broker.declareGroup(group, [topic])).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  const kafka = await admin();
  await createTopic(kafka, `${prefix}${topic}`, { numPartitions: 2 });
  await broker.declareGroup(group, [topic]);
  expect(fates(await broker.publish([message(topic)], NO_FENCE))).toEqual(["confirmed"]);
});

test("processes that declare a group at the same time lose nothing that is published from then on", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const processes = await Promise.all(Array.from({ length: 4 }, () => openBroker(brokers, prefix)));
  await processes[0]?.declare([{ name: topic }]);
  const sent = await Promise.all(
    processes.map(async (broker) => {
      await broker.declareGroup(group, [topic]);
      const batch = messages(topic, 5, 5);
      expect(new Set(fates(await broker.publish(batch, NO_FENCE)))).toEqual(new Set(["confirmed"]));
      return batch;
    }),
  );
  const [broker] = processes;
  if (broker === undefined) throw new Error("no broker");
  const got = await collect(broker, group, [topic]);
  await waitFor(() => got.deliveries.length >= 20, { describe: "all messages" });
  expect(new Set(got.ids())).toEqual(new Set(sent.flat().map(({ id }) => id)));
});

test("a server that takes less than was thought: the large message is refused, the others are stored", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const broker = await openBroker(brokers, prefix);
  await broker.declareGroup(group, [topic]);
  const kafka = await admin();
  await kafka.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: `${prefix}${topic}`,
        configEntries: [{ name: "max.message.bytes", value: "20000" }],
      },
    ],
  });
  const payload = Buffer.alloc(30_000);
  const batch = [
    message(topic, { partition: 1 }),
    message(topic, { partition: 2, payload }),
    message(topic, { partition: 3 }),
    message(topic, { partition: 2 }),
  ];
  const fence = { source: fresh("orders"), incarnation: "1", epoch: 1 };
  const results = await broker.publish(batch, { fence, timeoutMs: 10_000 });
  expect(fates(results)).toEqual(["confirmed", "PAYLOAD_TOO_LARGE", "confirmed", "held"]);
  expect(results[1]).toMatchObject({ retryable: false });
  // A process that asks the server first refuses by itself.
  const later = await openBroker(brokers, prefix);
  expect(fates(await later.publish([message(topic, { payload })], NO_FENCE))).toEqual(["PAYLOAD_TOO_LARGE"]);
  const got = await collect(broker, group, [topic]);
  await waitFor(() => got.deliveries.length >= 2, { describe: "both messages" });
  expect(new Set(got.ids())).toEqual(new Set([batch[0]?.id, batch[2]?.id]));
});

test("a topic that compacts is refused: it would forget messages", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const kafka = await admin();
  const configEntries = [{ name: "cleanup.policy", value: "compact" }];
  await createTopic(kafka, `${prefix}${topic}`, { numPartitions: 1, configEntries });
  const broker = await openBroker(brokers, prefix);
  await expect(broker.declareGroup(group, [topic])).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  await expect(broker.declareGroup(group, [topic])).rejects.toThrow("cleanup.policy=delete");
});

test("where a group stands is read whole while somebody else asks for another topic over the same client", async () => {
  const { brokers, prefix } = server;
  const [topic, other, group] = [fresh("order"), fresh("other"), fresh("group")];
  const broker = await openBroker(brokers, prefix, { topicPartitions: 8 });
  await broker.declareGroup(group, [topic]);
  await broker.declare([{ name: other }]);
  const kafka = oneAtATime(await admin());
  const groupId = `${prefix}${group}`;
  const names = [`${prefix}${other}`, `${prefix}${topic}`];
  const counts = new Set<number>();
  const over = new AbortController();
  const asking = (async () => {
    for (let turn = 0; !over.signal.aborted; turn += 1)
      await kafka.fetchTopicMetadata({ topics: [names[turn % 2] ?? ""] });
  })();
  for (let reading = 0; reading < 300; reading += 1) {
    counts.add((await groupOffsets(kafka, groupId, `${prefix}${topic}`)).length);
    counts.add((await kafka.fetchTopicOffsets(`${prefix}${topic}`)).length);
  }
  over.abort();
  await asking;
  expect([...counts]).toEqual([8]);
});

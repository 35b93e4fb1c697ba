import { randomUUID } from "node:crypto";
import kafkajs, { type KafkaMessage, type Message, type Producer, type ProducerConfig } from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { createWaybill, fixed, memoryStorage, SYSTEM_HEADERS } from "@waybill/core";
import { kafkaBroker, outboxed, type KafkaBrokerOptions } from "@waybill/kafka";
import { waitFor } from "@waybill/services";
import { testKafka } from "@waybill/services/vitest";
import { writeCall } from "../src/outboxed/kafka-call.ts";
import { createTopic, fates, fresh, message as newMessage, NO_FENCE, openBroker } from "./kafka-fixture.ts";

const server = testKafka();
const { Partitioners } = kafkajs;
const PARTITIONS = 6;

const kafka = () => new kafkajs.Kafka({ brokers: server.brokers, logLevel: kafkajs.logLevel.NOTHING });

/** A topic of the application's own. Resolves when the server knows it. */
async function createOwnTopic(
  topic: string,
  configEntries: { name: string; value: string }[] = [],
): Promise<void> {
  const admin = kafka().admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  await createTopic(admin, topic, { numPartitions: PARTITIONS, configEntries });
}

async function bareProducer(config: ProducerConfig = {}): Promise<Producer> {
  const createPartitioner = Partitioners.DefaultPartitioner;
  // A topic that is new refuses at first, and without numbers a retry stores twice what some partitions have taken.
  const producer = kafka().producer({ createPartitioner, idempotent: true, ...config });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

/** A service with an outboxed producer and a relay. */
async function service(options: Partial<KafkaBrokerOptions> = {}) {
  const { brokers, prefix } = server;
  const waybill = createWaybill({
    source: fresh("orders"),
    storage: memoryStorage(),
    broker: kafkaBroker({ brokers, topicPrefix: prefix, transactionalIdPrefix: prefix, ...options }),
    relay: { retry: fixed({ everyMs: 100, attempts: 1_000 }) },
    onEvent: () => undefined,
  });
  onTestFinished(() => waybill.stop());
  await waybill.start();
  return { waybill, producer: outboxed(kafka().producer(), { waybill }) };
}

interface Read {
  readonly partition: number;
  readonly message: KafkaMessage;
}

/** What an untouched consumer gets of a topic, from its beginning. */
async function consume(topic: string): Promise<Read[]> {
  const consumer = kafka().consumer({ groupId: fresh("bare"), maxWaitTimeInMs: 50 });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topic, fromBeginning: true });
  const read: Read[] = [];
  await consumer.run({
    eachMessage: async ({ partition, message }) => void read.push({ partition, message }),
  });
  return read;
}

const isWaybills = (name: string): boolean => /^(ce_|waybill-)/.test(name);

/** All that the application sees of a record. */
function seen({ partition, message: { key, value, headers = {}, timestamp } }: Read): object {
  const own = Object.entries(headers).filter(([name]) => !isWaybills(name) || name === "ce_subject");
  return { partition, key, value, headers: own, timestamp: timestamp.length < 13 ? timestamp : "now" };
}

const byKey = (reads: readonly Read[]): Read[] =>
  reads.toSorted((a, b) =>
    Buffer.compare(a.message.key ?? Buffer.alloc(0), b.message.key ?? Buffer.alloc(0)),
  );

const odd: readonly Message[] = [
  { key: Buffer.from([0xff, 0, 1]), value: Buffer.from([0, 255, 128]) },
  { key: "tombstone", value: null },
  { key: "", value: "" },
  { key: "äö€😀", value: "\u0000 €" },
  { key: "partition", value: "1", partition: 5 },
  { key: Buffer.from("as bytes"), value: "1" },
  { key: "long ".repeat(200), value: "1" },
  { key: "time", value: "1", timestamp: "1000" },
  { key: "later", value: "1", timestamp: "999999999999" },
  {
    key: "headers",
    value: "{}",
    headers: {
      b: "text",
      a: Buffer.from([1, 0, 2]),
      many: ["1", Buffer.from("2"), ""],
      none: [],
      "content-type": "application/json",
      ce_subject: "the application's",
    },
  },
];

test("an untouched consumer gets the same from an outboxed producer as from the bare one, and Waybill's headers", async () => {
  const [before, after] = [fresh(`${server.prefix}bare`), fresh(`${server.prefix}outboxed`)];
  await createOwnTopic(before);
  await createOwnTopic(after, [{ name: "cleanup.policy", value: "compact" }]);
  const messages = [
    ...odd,
    ...Array.from({ length: 60 }, (_, no) => ({ key: `key-${no}`, value: String(no) })),
  ];
  const bare = await bareProducer();
  const { producer, waybill } = await service();
  await bare.send({ topic: before, messages });
  await waybill.runInTransaction(() => producer.send({ topic: after, messages }));
  const [expected, got] = [await consume(before), await consume(after)];
  await waitFor(() => expected.length === messages.length && got.length === messages.length, {
    describe: () => `${expected.length} and ${got.length} of ${messages.length}`,
  });
  expect(byKey(got).map((one) => seen(one))).toEqual(byKey(expected).map((one) => seen(one)));
  const ids = got.map(({ message }) => String(message.headers?.["ce_id"]));
  expect(new Set(ids).size).toBe(messages.length);
  const [text] = got.filter(({ message }) => String(message.key) === "key-7");
  expect(text?.message.headers).toMatchObject({
    ce_type: Buffer.from(after),
    ce_partitionkey: Buffer.from("key-7"),
  });
  for (const name of ["waybill-call", "waybill-sequence", "waybill-incarnation", "content-type"])
    expect(Object.keys(text?.message.headers ?? {})).not.toContain(name);
});

test("headers that the application sets itself win over Waybill's of the same name", async () => {
  const topic = fresh(`${server.prefix}own`);
  await createOwnTopic(topic);
  const { producer, waybill } = await service();
  const headers = { ce_id: "mine", ce_source: Buffer.from("my service") };
  await waybill.runInTransaction(() => producer.send({ topic, messages: [{ value: "1", headers }] }));
  const got = await consume(topic);
  await waitFor(() => got.length === 1, { describe: "the message" });
  expect(got[0]?.message.headers).toMatchObject({
    ce_id: Buffer.from("mine"),
    ce_source: Buffer.from("my service"),
    ce_type: Buffer.from(topic),
  });
});

test("a partitioner of one's own is given to the broker", async () => {
  const [before, after] = [fresh(`${server.prefix}bare`), fresh(`${server.prefix}outboxed`)];
  await Promise.all([createOwnTopic(before), createOwnTopic(after)]);
  const createPartitioner = Partitioners.LegacyPartitioner;
  const bare = await bareProducer({ createPartitioner });
  const { producer, waybill } = await service({ createPartitioner });
  const messages = Array.from({ length: 40 }, (_, no) => ({ key: `key-${no}`, value: "" }));
  await bare.send({ topic: before, messages });
  await waybill.runInTransaction(() => producer.send({ topic: after, messages }));
  const [expected, got] = [await consume(before), await consume(after)];
  await waitFor(() => expected.length === 40 && got.length === 40, { describe: "all messages" });
  expect(byKey(got).map((one) => seen(one))).toEqual(byKey(expected).map((one) => seen(one)));
});

test("a topic or partition that does not exist holds up its own messages only, until it does", async () => {
  const [there, missing] = [fresh(`${server.prefix}there`), fresh(`${server.prefix}missing`)];
  await createOwnTopic(there);
  const { producer, waybill } = await service();
  await waybill.runInTransaction(() =>
    producer.sendBatch({
      topicMessages: [
        { topic: missing, messages: [{ key: "a", value: "1" }] },
        { topic: there, messages: [{ key: "a", value: "nowhere", partition: PARTITIONS }] },
        { topic: there, messages: [{ key: "a", value: "2" }] },
        { topic: missing, messages: [{ key: "a", value: "3" }] },
      ],
    }),
  );
  const got = await consume(there);
  await waitFor(() => got.length > 0, { describe: "the other topic's message" });
  await createOwnTopic(missing);
  const late = await consume(missing);
  await waitFor(() => late.length === 2, {
    deadlineMs: 30_000,
    describe: () => `2 messages, not ${late.length}`,
  });
  expect(late.map(({ message }) => String(message.value))).toEqual(["1", "3"]);
  expect(got.map(({ message }) => String(message.value))).toEqual(["2"]);
});

test("records of a key, and of a named partition, arrive in the order of their transactions", async () => {
  const topic = fresh(`${server.prefix}order`);
  await createOwnTopic(topic);
  const { producer, waybill } = await service();
  const named = (no: number): Message =>
    no % 5 === 0 ? { value: String(no), partition: 2 } : { key: `key-${no % 5}`, value: String(no) };
  for (let no = 0; no < 200; no += 1)
    await waybill.runInTransaction(() => producer.send({ topic, messages: [named(no)] }));
  const got = await consume(topic);
  await waitFor(() => got.length === 200, { describe: () => `200 messages, not ${got.length}` });
  for (let group = 0; group < 5; group += 1) {
    const values = got.map(({ message }) => Number(message.value)).filter((no) => no % 5 === group);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
  }
});

test("only what a relay publishes is taken for a call: anybody could have written the header", async () => {
  const topic = fresh(`${server.prefix}forged`);
  await createOwnTopic(topic);
  const broker = await openBroker(server.brokers, server.prefix, { requireGroup: false });
  const forged = newMessage(topic, { headers: { [SYSTEM_HEADERS.call]: "kafkajs {}" } });
  expect(fates(await broker.publish([forged], NO_FENCE))).toEqual(["CALL_UNSUPPORTED"]);
});

test("calls and messages of Waybill's own share a topic, a partition and a transaction", async () => {
  const [own, count] = [fresh("shared"), 20];
  const topic = `${server.prefix}${own}`;
  const broker = await openBroker(server.brokers, server.prefix, { requireGroup: false, topicPartitions: 1 });
  await broker.declare([{ name: own }]);
  const fence = { source: fresh("orders"), incarnation: randomUUID(), epoch: 1 };
  await broker.fence(fence);
  const call = { key: "c", isTombstone: true, headers: [["n", ["1", "2"]]], partition: null } as const;
  const batch = Array.from({ length: count }, (_, no) => {
    if (no % 2 === 0) return newMessage(own, { key: "m" });
    const timestamp = no % 4 === 1 ? "1000" : null;
    return newMessage(topic, { headers: { [SYSTEM_HEADERS.call]: writeCall({ ...call, timestamp }) } });
  });
  expect(new Set(fates(await broker.publish(batch, { fence, timeoutMs: 10_000 })))).toEqual(
    new Set(["confirmed"]),
  );
  const got = await consume(topic);
  await waitFor(() => got.length === count, { describe: () => `${count} records, not ${got.length}` });
  const keys = got.map(({ message }) => String(message.key)).join("");
  expect(keys.replaceAll("c", "")).toBe("m".repeat(count / 2));
  for (const { message } of got.filter((one) => String(one.message.key) === "c"))
    expect(message).toMatchObject({ value: null, headers: { n: [Buffer.from("1"), Buffer.from("2")] } });
  const given = got.filter(({ message }) => message.timestamp === "1000");
  expect(given).toHaveLength(count / 4);
});

import { randomUUID } from "node:crypto";
import { kafkaBroker } from "@waybill/kafka";
import { startKafka } from "@waybill/services";
import kafkajs from "kafkajs";
import { benchDatabase } from "./bench-database.ts";
import { Measured, payloadOf } from "./bench-topic.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { fillOutbox } from "./fill-outbox.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const PAYLOAD_BYTES = 1_024;
/** Unconfirmed messages of the bare publisher, and in how many requests they are. */
const WINDOW = 1_000;
const REQUESTS = 4;
/** What one measurement publishes, for each of its seconds. */
const MESSAGES_PER_SECOND = 15_000;
const KEYS = 100_000;
const PARTITIONS = 8;

/** A filled outbox, published by a relay to Kafka, against a bare producer of the same library. */
export async function relayKafka({ rounds, seconds }: Effort): Promise<Figures> {
  await using server = await startKafka();
  await using database = await benchDatabase(6);
  const messages = MESSAGES_PER_SECOND * seconds;
  const relay: number[] = [];
  const bare: number[] = [];
  const { brokers } = server;
  const measureRelay = async (count: number): Promise<number> => {
    await fillOutbox(database.pool, count, PAYLOAD_BYTES, KEYS);
    await using broker = kafkaBroker({
      brokers,
      topicPrefix: `relay-${randomUUID()}.`,
      topicPartitions: PARTITIONS,
    });
    await broker.open();
    await broker.declareGroup(`bench-${randomUUID()}`, [Measured.name]);
    return drainOutbox(database.pool, broker, count);
  };
  await publishBare(brokers, 10_000);
  await measureRelay(10_000);
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) bare.push(await publishBare(brokers, messages));
    relay.push(await measureRelay(messages));
    if (round % 2 === 1) bare.push(await publishBare(brokers, messages));
  }
  return {
    bench: "relay-kafka",
    value: median(relay),
    unit: "msg/s",
    ratio: medianRatio(relay, bare),
    against: `a bare producer with ${WINDOW} unconfirmed messages, acks of all`,
    rounds: { relay, "bare producer": bare },
    more: { messages, kafka: server.version },
  };
}

/** Confirmed messages per second of kafkajs alone: no transaction, no idempotence, acks of all. */
async function publishBare(brokers: readonly string[], count: number): Promise<number> {
  const kafka = new kafkajs.Kafka({
    clientId: "bench",
    brokers: [...brokers],
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const topic = `bare-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const records = Array.from({ length: count }, (_, index) => {
    const key = `key-${index % KEYS}`;
    return { key, value: JSON.stringify(payloadOf(PAYLOAD_BYTES, key)) };
  });
  const size = WINDOW / REQUESTS;
  let next = 0;
  const begun = performance.now();
  const publish = async (): Promise<void> => {
    while (next < count) {
      const messages = records.slice(next, next + size);
      next += size;
      await producer.send({ topic, messages, acks: -1 });
    }
  };
  await Promise.all(Array.from({ length: REQUESTS }, publish));
  const rate = count / ((performance.now() - begun) / 1_000);
  await producer.disconnect();
  return rate;
}

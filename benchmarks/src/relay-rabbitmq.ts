import { randomUUID } from "node:crypto";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { startRabbitmq } from "@waybill/services";
import { connect, type ConfirmChannel, type Options } from "amqplib";
import { benchDatabase } from "./bench-database.ts";
import { Measured, payloadOf } from "./bench-topic.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { fillOutbox } from "./fill-outbox.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const PAYLOAD_BYTES = 1_024;
/** Unconfirmed messages of the bare publisher. */
const WINDOW = 1_000;
/** What one measurement publishes, for each of its seconds. */
const MESSAGES_PER_SECOND = 15_000;
const KEYS = 100_000;

type QueueType = "classic" | "quorum";
type Publisher = "relay" | "bare" | "alike";
/** What the bare publisher's messages carry besides their payload. */
type PropertiesOf = (index: number) => Options.Publish;

/**
 * A filled outbox, published by a relay to RabbitMQ, against a bare publisher of the same library. `alike` is the bare
 * publisher too, with what the relay's messages carry: RabbitMQ itself takes longer for a message whose properties pass 64
 * bytes, and this tells its part from the relay's.
 */
export async function relayRabbitmq({ rounds, seconds }: Effort): Promise<Figures> {
  await using server = await startRabbitmq();
  await using database = await benchDatabase(6);
  const messages = MESSAGES_PER_SECOND * seconds;
  const rates: Record<`${Publisher} ${QueueType}`, number[]> = {
    "relay classic": [],
    "bare classic": [],
    "alike classic": [],
    "relay quorum": [],
    "bare quorum": [],
    "alike quorum": [],
  };
  const measure = async (queueType: QueueType, count: number): Promise<Record<Publisher, number>> => {
    const bare = await publishBare(await server.createVhost(), queueType, count, idOnly);
    const alike = await publishBare(await server.createVhost(), queueType, count, attributes);
    await fillOutbox(database.pool, count, PAYLOAD_BYTES, KEYS);
    const broker = rabbitmqBroker({ url: await server.createVhost(), queueType, exchange: "bench" });
    await broker.open();
    await broker.declareGroup("bench", [Measured.name]);
    const relay = await drainOutbox(database.pool, broker, count);
    await broker[Symbol.asyncDispose]();
    return { relay, bare, alike };
  };
  for (const queueType of ["classic", "quorum"] as const) await measure(queueType, 10_000);
  for (let round = 0; round < rounds; round += 1) {
    for (const queueType of ["classic", "quorum"] as const) {
      const measured = await measure(queueType, messages);
      for (const publisher of ["relay", "bare", "alike"] as const)
        rates[`${publisher} ${queueType}`].push(measured[publisher]);
    }
  }
  return {
    bench: "relay-rabbitmq",
    value: median(rates["relay quorum"]),
    unit: "msg/s",
    ratio: medianRatio(rates["relay quorum"], rates["bare quorum"]),
    against: `a bare publisher with ${WINDOW} unconfirmed messages, quorum queue`,
    rounds: rates,
    more: {
      classic: median(rates["relay classic"]),
      ratioClassic: medianRatio(rates["relay classic"], rates["bare classic"]),
      ratioAlike: medianRatio(rates["relay quorum"], rates["alike quorum"]),
      ratioAlikeClassic: medianRatio(rates["relay classic"], rates["alike classic"]),
      messages,
      rabbitmq: server.version,
    },
  };
}

/** Confirmed messages per second of amqplib alone: persistent, mandatory, one queue behind a topic exchange. */
async function publishBare(
  url: string,
  queueType: QueueType,
  count: number,
  propertiesOf: PropertiesOf,
): Promise<number> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange("bench", "topic", { durable: true });
  await channel.assertQueue("bench", { durable: true, arguments: { "x-queue-type": queueType } });
  await channel.bindQueue("bench", "bench", Measured.name);
  const contents = Array.from({ length: count }, (_, index) =>
    Buffer.from(JSON.stringify(payloadOf(PAYLOAD_BYTES, `key-${index % KEYS}`))),
  );
  const begun = performance.now();
  await publishAll(channel, contents, propertiesOf);
  const rate = count / ((performance.now() - begun) / 1_000);
  await connection.close();
  return rate;
}

function idOnly(): Options.Publish {
  return { messageId: randomUUID() };
}

const INCARNATION = randomUUID();

/** As many attributes as a message of Waybill has, each as long. */
function attributes(index: number): Options.Publish {
  return {
    messageId: randomUUID(),
    appId: "bench",
    type: Measured.name,
    contentType: "application/json",
    headers: {
      ce_specversion: "1.0",
      ce_time: new Date().toISOString(),
      "waybill-version": "1",
      "waybill-partition": String(index % 32),
      ce_partitionkey: `key-${index % KEYS}`,
      "waybill-incarnation": INCARNATION,
      "waybill-sequence": String(index),
    },
  };
}

function publishAll(
  channel: ConfirmChannel,
  contents: readonly Buffer[],
  propertiesOf: PropertiesOf,
): Promise<void> {
  let published = 0;
  let confirmed = 0;
  return new Promise((resolve, reject) => {
    const onConfirm = (error: Error | null): void => {
      if (error !== null) return reject(error);
      confirmed += 1;
      if (confirmed === contents.length) resolve();
      else publishMore();
    };
    const publishMore = (): void => {
      while (published < contents.length && published - confirmed < WINDOW) {
        const content = contents[published] ?? Buffer.alloc(0);
        const properties = { ...propertiesOf(published), persistent: true, mandatory: true };
        published += 1;
        channel.publish("bench", Measured.name, content, properties, onConfirm);
      }
    };
    publishMore();
  });
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nativeBroker } from "@waybill/broker";
import { createWaybill, type Broker } from "@waybill/core";
import { kafkaBroker } from "@waybill/kafka";
import { inTransaction, migrate, postgresStorage } from "@waybill/postgres";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { requirePart, waitFor, whyNoKafka, whyNoRabbitmq } from "@waybill/services";
import { testDatabase, testFolder, testKafka, testProcess, testRabbitmq } from "@waybill/services/vitest";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { startBrokerBed } from "./broker-bed.ts";
import { Greeted } from "./fixtures/greeted.ts";

const MAIN = new URL("../src/main.ts", import.meta.url);
const HIDES_A_PACKAGE = new URL("fixtures/hides-a-package.ts", import.meta.url).href;

/** Writes a configuration of nothing but data. */
async function configFile(broker: object): Promise<string> {
  const file = join(testFolder(), "relay.json");
  await writeFile(file, JSON.stringify({ source: "greetings", broker, relay: { leaseMs: 500 } }));
  return file;
}

/** Greets somebody, has a worker relay it over `broker`, and waits until a group has received it there. Answers what it logged. */
async function relayOver(
  databaseUrl: string,
  brokerConfig: object,
  broker: Broker,
): Promise<readonly unknown[]> {
  await broker.open();
  const received: string[] = [];
  await broker.subscribe({ group: "guests", topics: [Greeted.name], prefetch: 8 }, ({ envelope }) => {
    received.push(Buffer.from(envelope.payload).toString());
    return Promise.resolve({ kind: "ack" });
  });
  const config = await configFile(brokerConfig);
  const worker = testProcess(MAIN, ["worker", "-c", config], { env: { DATABASE_URL: databaseUrl } });
  await worker.ready();

  const pool = new Pool({ connectionString: databaseUrl, max: 2 });
  onTestFinished(() => pool.end());
  await using waybill = createWaybill({ source: "greetings", storage: postgresStorage({ pool }) });
  await inTransaction(pool, (tx) => waybill.send(tx, Greeted, { name: "ada" }));
  await waitFor(() => received.length > 0, { deadlineMs: 60_000, describe: () => worker.output.join("\n") });
  expect(received).toEqual(['{"name":"ada"}']);

  worker.kill("SIGTERM");
  expect(await worker.exited, worker.output.join("\n")).toEqual({ code: 0, signal: null });
  return worker.lines;
}

async function prepare(url: string): Promise<void> {
  await migrate({ connectionString: url }, { source: "greetings" });
}

describe.runIf(requirePart("rabbitmq", whyNoRabbitmq()))("on RabbitMQ", () => {
  const server = testRabbitmq();
  const database = testDatabase({ prepare });

  test("plain data names the server, the relay publishes there, and what the adapter reports is logged", async () => {
    const options = { url: server.url, queueType: "classic" } as const;
    await using broker = rabbitmqBroker(options);
    const logged = await relayOver(database.url, { rabbitmq: options }, broker);
    expect(logged).toContainEqual(
      expect.objectContaining({ type: "rabbitmq.connected", role: "publishing" }),
    );
  });
});

describe("on the native broker's server", () => {
  const database = testDatabase({ prepare });

  test("plain data names the server, and the relay publishes there", async () => {
    const { plain } = await startBrokerBed(testFolder());
    const options = { url: `amqp://guest:guest@${plain}` };
    await using broker = nativeBroker(options);
    await relayOver(database.url, { native: options }, broker);
  });
});

describe.runIf(requirePart("kafka", whyNoKafka()))("on Kafka", () => {
  const server = testKafka();
  const database = testDatabase({ prepare });

  test("plain data names the servers, and the relay publishes there", async () => {
    const { brokers, prefix } = server;
    const names = { topicPrefix: prefix, groupPrefix: prefix, transactionalIdPrefix: prefix };
    const options = { brokers, ...names };
    await using broker = kafkaBroker(options);
    await relayOver(database.url, { kafka: options }, broker);
  });
});

test.each([
  ["rabbitmq", "@waybill/rabbitmq", "npm install @waybill/rabbitmq amqplib"],
  ["rabbitmq", "amqplib", "npm install @waybill/rabbitmq amqplib"],
  ["kafka", "@waybill/kafka", "npm install @waybill/kafka kafkajs"],
  ["kafka", "kafkajs", "npm install @waybill/kafka kafkajs"],
])("broker.%s without %s says what to install", async (kind, hidden, command) => {
  const config = await configFile({ [kind]: {} });
  const worker = testProcess(MAIN, ["worker", "-c", config], {
    env: { DATABASE_URL: "postgres://nowhere", HIDDEN_PACKAGE: hidden },
    nodeOptions: [`--import=${HIDES_A_PACKAGE}`],
  });
  expect(await worker.exited).toMatchObject({ code: 2 });
  expect(worker.output.join("\n")).toContain("OPTIONS_INVALID");
  expect(worker.output.join("\n")).toContain(command);
});

test.each([
  ["no broker that there is", { redis: {} }, /"native": … .*"rabbitmq": … .*"kafka": …/],
  ["two brokers", { native: { dataDir: "x" }, kafka: { brokers: ["127.0.0.1:9092"] } }, /give one of/],
  ["an option that the adapter refuses", { rabbitmq: { url: "http://here" } }, /rabbitmqBroker: .*amqp:/s],
])("%s is refused with the name of what is wrong", async (_name, broker, message) => {
  const config = await configFile(broker);
  const worker = testProcess(MAIN, ["worker", "-c", config], { env: { DATABASE_URL: "postgres://nowhere" } });
  expect(await worker.exited).toMatchObject({ code: 2 });
  expect(worker.output.join("\n")).toMatch(message);
});

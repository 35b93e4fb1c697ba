import { startKafka, waitFor, whyNoKafka } from "@waybill/services";
import { Kafka, logLevel, type Admin } from "kafkajs";
import { randomBytes } from "node:crypto";
import { BrokerMissing, WORKERS_SHARING, type DemoBroker } from "./demo-broker.ts";

const PREFIX = "order-service.";

/** Short, so that the partitions of a killed worker are soon taken. Servers usually allow 6 s and more only. */
const SESSION_TIMEOUT_MS = 3_000;
/** A worker that did not leave its group counts as a member for the default session timeout, 10 s. */
const GROUPS_EMPTY_DEADLINE_MS = 30_000;

/** Kafka at `brokers`, or a server of the demo's own. */
export async function demoKafka(brokers: string | undefined): Promise<DemoBroker> {
  return brokers === undefined || brokers === "" ? ownServer() : somebodysServer(brokers);
}

async function ownServer(): Promise<DemoBroker> {
  const missing = whyNoKafka({ own: true });
  if (missing !== undefined) throw new BrokerMissing(`--broker kafka needs a Kafka server: ${missing}`);
  const server = await startKafka();
  return {
    where: `Kafka ${server.version} is up, with data of its own`,
    env: {
      BROKER: "kafka",
      KAFKA_BROKERS: server.brokers.join(","),
      KAFKA_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
      BROKER_PREFIX: PREFIX,
    },
    workers: WORKERS_SHARING,
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Its topics and groups have names that nobody else uses. */
function somebodysServer(brokers: string): DemoBroker {
  const prefix = `order-service-demo-${randomBytes(4).toString("hex")}.`;
  return {
    where: "Kafka is that of KAFKA_BROKERS",
    env: { BROKER: "kafka", KAFKA_BROKERS: brokers, BROKER_PREFIX: prefix },
    workers: WORKERS_SHARING,
    server: null,
    [Symbol.asyncDispose]: () => removeAll(brokers.split(","), prefix),
  };
}

async function removeAll(brokers: string[], prefix: string): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await waitFor(() => removeGroups(admin, prefix), {
      deadlineMs: GROUPS_EMPTY_DEADLINE_MS,
      intervalMs: 500,
      describe: "the groups of the demo to be empty",
    });
  } finally {
    await admin.disconnect();
  }
}

async function removeGroups(admin: Admin, prefix: string): Promise<boolean> {
  const { groups } = await admin.listGroups();
  const own = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.startsWith(prefix));
  if (own.length > 0) await admin.deleteGroups(own);
  return true;
}

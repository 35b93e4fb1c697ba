import { startRabbitmq, whyNoRabbitmq } from "@waybill/services";
import { connect } from "amqplib";
import { randomBytes } from "node:crypto";
import { HANDLED_BY } from "../audit/facts.ts";
import { BrokerMissing, WORKERS_SHARING, type DemoBroker } from "./demo-broker.ts";

const PREFIX = "order-service.";

/** RabbitMQ at `url`, or a server of the demo's own. */
export async function demoRabbitmq(url: string | undefined): Promise<DemoBroker> {
  return url === undefined || url === "" ? ownServer() : somebodysServer(url);
}

async function ownServer(): Promise<DemoBroker> {
  const missing = whyNoRabbitmq({ own: true });
  if (missing !== undefined) throw new BrokerMissing(`--broker rabbitmq needs a RabbitMQ server: ${missing}`);
  const server = await startRabbitmq();
  return {
    where: `RabbitMQ ${server.version} is up, with data of its own`,
    env: { BROKER: "rabbitmq", RABBITMQ_URL: server.url, BROKER_PREFIX: PREFIX },
    workers: WORKERS_SHARING,
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Its queues and exchanges have names that nobody else uses. */
function somebodysServer(url: string): DemoBroker {
  const prefix = `order-service-demo-${randomBytes(4).toString("hex")}.`;
  return {
    where: "RabbitMQ is that of RABBITMQ_URL",
    env: { BROKER: "rabbitmq", RABBITMQ_URL: url, BROKER_PREFIX: prefix },
    workers: WORKERS_SHARING,
    server: null,
    [Symbol.asyncDispose]: () => removeAll(url, prefix),
  };
}

async function removeAll(url: string, prefix: string): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    for (const group of new Set(Object.values(HANDLED_BY))) {
      await channel.deleteQueue(`${prefix}${group}`);
      await channel.deleteExchange(`${prefix}${group}.partitions`);
    }
    await channel.deleteExchange(`${prefix}messages`);
  } finally {
    await connection.close();
  }
}

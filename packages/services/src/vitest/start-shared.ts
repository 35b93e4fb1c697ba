import { startKafka } from "../kafka/start-kafka.ts";
import { rabbitmqVersion } from "../rabbitmq/management-api.ts";
import { startRabbitmq } from "../rabbitmq/start-rabbitmq.ts";

/** A broker for a whole test run, and what its test files have to know of it. */
export interface SharedServer<Facts extends object = object> {
  readonly facts: Facts;
  readonly end: () => Promise<void>;
}

export interface RabbitmqFacts {
  readonly url: string;
  /** Null when the server of `RABBITMQ_URL` has no management plugin that can be reached. */
  readonly managementUrl: string | null;
  readonly version: string | null;
}

export interface KafkaFacts {
  readonly brokers: readonly string[];
  /** Null for the brokers of `KAFKA_BROKERS`. */
  readonly version: string | null;
}

const nothingToEnd = (): Promise<void> => Promise.resolve();

export async function startSharedRabbitmq(): Promise<SharedServer<RabbitmqFacts>> {
  const url = process.env["RABBITMQ_URL"];
  if (url) return { facts: await factsOfRabbitmq(url), end: nothingToEnd };
  const server = await startRabbitmq();
  const { managementUrl, version } = server;
  return { facts: { url: server.url, managementUrl, version }, end: () => server[Symbol.asyncDispose]() };
}

export async function startSharedKafka(): Promise<SharedServer<KafkaFacts>> {
  const brokers = process.env["KAFKA_BROKERS"];
  if (brokers) {
    const list = brokers.split(",").map((broker) => broker.trim());
    return { facts: { brokers: list, version: null }, end: nothingToEnd };
  }
  const server = await startKafka();
  const { version } = server;
  return { facts: { brokers: server.brokers, version }, end: () => server[Symbol.asyncDispose]() };
}

/** The management plugin is asked where `RABBITMQ_MANAGEMENT_URL` says, else at its usual port with the same user. */
async function factsOfRabbitmq(url: string): Promise<RabbitmqFacts> {
  const managementUrl = process.env["RABBITMQ_MANAGEMENT_URL"] || usualManagementUrl(url);
  try {
    return { url, managementUrl, version: await rabbitmqVersion(managementUrl) };
  } catch {
    return { url, managementUrl: null, version: null };
  }
}

function usualManagementUrl(amqpUrl: string): string {
  const { username, password, hostname } = new URL(amqpUrl);
  return `http://${username || "guest"}:${password || "guest"}@${hostname}:15672`;
}

import kafkajs from "kafkajs";
import type { Admin, Consumer, Kafka, PartitionAssigner, Producer } from "kafkajs";
import type { ResolvedKafkaBrokerOptions } from "../options/kafka-broker-options.ts";
import { mendJoins } from "./before-join.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { mendProduce } from "./quick-produce.ts";
import { mendTimers } from "./quiet-timers.ts";
import { mendRefusals } from "./said-refusals.ts";

const RETRY = { initialRetryTime: 20, maxRetryTime: 500, multiplier: 2, factor: 0.2, retries: 6 } as const;
/** Requests of one connection that may be unanswered. */
const IN_FLIGHT_MAX = 5;
/** How long the ends of a connection are waited for; what is in flight then is given up. Milliseconds. */
const DISCONNECT_MS = 1_000;

/**
 * Makes the producers and consumers of one cluster, with the settings that Waybill's promises need. Everything that
 * is wrong with kafkajs 2.2.4 is mended or avoided in this folder.
 */
export class KafkaClient {
  readonly #kafka: Kafka;
  readonly #options: ResolvedKafkaBrokerOptions;

  constructor(options: ResolvedKafkaBrokerOptions) {
    mendTimers();
    mendJoins();
    mendProduce();
    mendRefusals();
    const { clientId, brokers, ssl, sasl, connectTimeoutMs, requestTimeoutMs } = options;
    this.#options = options;
    this.#kafka = new kafkajs.Kafka({
      clientId,
      brokers: [...brokers],
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl }),
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      retry: { ...RETRY },
      logLevel: kafkajs.logLevel.NOTHING,
    });
  }

  /** Connected. Its calls wait for each other. */
  async admin(): Promise<Admin> {
    return oneAtATime(await connected(this.#kafka.admin()));
  }

  /** Connected, and with a producer id: a producer whose `connect` failed would send without one. */
  async plainProducer(): Promise<Producer> {
    return connected(
      this.#kafka.producer({
        createPartitioner,
        idempotent: true,
        maxInFlightRequests: IN_FLIGHT_MAX,
        allowAutoTopicCreation: false,
        retry: { ...RETRY },
      }),
    );
  }

  /** Connected. The first `transaction()` takes the transactional id away from whoever had it. */
  async transactionalProducer(transactionalId: string): Promise<Producer> {
    return connected(
      this.#kafka.producer({
        createPartitioner,
        transactionalId,
        transactionTimeout: this.#options.transactionTimeoutMs,
        maxInFlightRequests: IN_FLIGHT_MAX,
        allowAutoTopicCreation: false,
        retry: { ...RETRY },
      }),
    );
  }

  /** Not connected. It reads committed messages only and never starts itself again. */
  consumer(groupId: string, assigner: PartitionAssigner): Consumer {
    const { sessionTimeoutMs, heartbeatMs, drainMs, fetchWaitMs } = this.#options;
    return this.#kafka.consumer({
      groupId,
      partitionAssigners: [assigner],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(sessionTimeoutMs, drainMs) * 2,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
  }
}

/** Ends a client in the background: it may be wedged or its server gone, and nobody wants anything of it any more. */
export async function disconnect(client: { disconnect(): Promise<void> }): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, DISCONNECT_MS);
  client.disconnect().then(resolve, () => resolve());
  await promise;
  clearTimeout(timer);
}

/** Waybill chooses the partition; a record without one is a mistake of this package. */
function createPartitioner(): (args: { message: { partition?: number } }) => number {
  return ({ message }) => {
    if (message.partition === undefined) throw new Error("a record has no partition");
    return message.partition;
  };
}

async function connected<Client extends { connect(): Promise<void>; disconnect(): Promise<void> }>(
  client: Client,
): Promise<Client> {
  try {
    await client.connect();
    return client;
  } catch (error) {
    void disconnect(client);
    throw error;
  }
}

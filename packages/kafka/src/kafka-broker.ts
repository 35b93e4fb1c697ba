import type { Admin } from "kafkajs";
import type {
  Broker,
  BrokerFeatures,
  BrokerHealth,
  Envelope,
  Fence,
  PublishOptions,
  PublishResult,
  SubscribeOptions,
  Subscription,
  TopicSpec,
} from "@waybill/core";
import { isWaybillError, WaybillError } from "@waybill/core";
import type { DeliveryHandler } from "./consume/dispatcher.ts";
import { KafkaSubscription } from "./kafka-subscription.ts";
import { disconnect, KafkaClient } from "./kafkajs/client.ts";
import {
  resolveKafkaBrokerOptions,
  type KafkaBrokerOptions,
  type ResolvedKafkaBrokerOptions,
} from "./options/kafka-broker-options.ts";
import { KAFKAJS } from "./outboxed/kafka-call.ts";
import { CallRepeater } from "./outboxed/call-repeater.ts";
import { EpochRecord } from "./publish/epoch-record.ts";
import { Publisher } from "./publish/publisher.ts";
import { Topology } from "./topology/topology.ts";
import { messageOf, unavailable } from "./unavailable.ts";

const CLOSE_DEADLINE_MS = 1_000;

/**
 * Apache Kafka as a broker: a confirmed message is on all in-sync replicas and reaches every group of its topic in
 * the order of its key. What a relay publishes goes out in transactions that a relay without its lease cannot commit.
 *
 * Nothing is connected before `open`, which throws `BROKER_UNAVAILABLE` while no server answers. `declare` and
 * `declareGroup` throw `TOPOLOGY_MISMATCH` when a topic is missing or has another number of partitions than before.
 *
 * @throws WaybillError `OPTIONS_INVALID`
 */
export function kafkaBroker(options: KafkaBrokerOptions): Broker {
  return new KafkaBroker(resolveKafkaBrokerOptions(options));
}

class KafkaBroker implements Broker {
  readonly name = "kafka";
  readonly features: BrokerFeatures;
  readonly #options: ResolvedKafkaBrokerOptions;
  readonly #client: KafkaClient;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Set<KafkaSubscription>();
  #admin: Admin | null = null;
  #opening: Promise<void> | null = null;
  /** What went wrong since the last `open`. */
  #trouble: Error | null = null;
  #isClosed = true;

  constructor(options: ResolvedKafkaBrokerOptions) {
    const admin = (): Admin => this.#connected();
    this.#options = options;
    this.#client = new KafkaClient(options);
    this.#topology = new Topology(this.#client, options, admin);
    this.#publisher = new Publisher({
      client: this.#client,
      topology: this.#topology,
      calls: new CallRepeater(admin, options.createPartitioner),
      record: new EpochRecord(this.#topology, admin),
      options,
      onTrouble: (error) => (this.#trouble = error),
    });
    this.features = {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: false,
      durable: true,
      calls: [KAFKAJS],
      payloadBytesMax: options.payloadBytesMax,
    };
  }

  open(): Promise<void> {
    if (this.#admin !== null && this.#trouble === null) return Promise.resolve();
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async declare(topics: readonly TopicSpec[]): Promise<void> {
    await this.#ask("declaring topics", () => this.#topology.declareTopics(topics.map(({ name }) => name)));
  }

  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    await this.#ask(`declaring group ${group}`, () => this.#topology.declareGroup(group, topics));
  }

  async fence(fence: Fence): Promise<void> {
    await this.#ask(`fencing source ${fence.source}`, () => this.#publisher.fence(fence));
  }

  async publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]> {
    if (batch.length === 0) return [];
    if (this.#admin !== null) return this.#publisher.publish(batch, options);
    const error = notOpen();
    return batch.map(() => ({ kind: "unknown", error }));
  }

  async subscribe(options: SubscribeOptions, onDelivery: DeliveryHandler): Promise<Subscription> {
    checkSubscription(options);
    await this.declareGroup(options.group, options.topics);
    const subscription = new KafkaSubscription(
      {
        client: this.#client,
        topology: this.#topology,
        admin: () => this.#connected(),
        options: this.#options,
        subscription: options,
        onDelivery,
      },
      (closed) => this.#subscriptions.delete(closed),
    );
    await this.#ask(`joining group ${options.group}`, () => subscription.join());
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async health(): Promise<BrokerHealth> {
    const admin = this.#admin;
    if (admin === null) return { status: "down", detail: notOpen().message };
    if (isWaybillError(this.#trouble, "TOPOLOGY_MISMATCH"))
      return { status: "blocked", detail: this.#trouble.message };
    try {
      await admin.describeCluster();
      return { status: "up", detail: "" };
    } catch (error) {
      return { status: "down", detail: unavailable(messageOf(error)).message };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    const closing = Array.from(this.#subscriptions, (one) => one.close({ deadlineMs: CLOSE_DEADLINE_MS }));
    await Promise.all(closing);
    const admin = this.#admin;
    this.#admin = null;
    await this.#publisher.close();
    if (admin !== null) await disconnect(admin);
  }

  /** A new connection after trouble: kafkajs may keep a dead one, or believe in topics that are gone. */
  async #open(): Promise<void> {
    this.#isClosed = false;
    try {
      const admin = await this.#client.admin();
      if (this.#isClosed) return await disconnect(admin);
      const before = this.#admin;
      this.#admin = admin;
      this.#trouble = null;
      if (before !== null) void disconnect(before);
    } catch (error) {
      throw unavailable(`${this.#options.brokers.join(", ")}: ${messageOf(error)}`, error);
    }
  }

  /** Errors of kafkajs become one that says what to do. */
  async #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#connected();
    try {
      return await work();
    } catch (error) {
      if (isWaybillError(error)) throw error;
      const trouble = unavailable(`${what}: ${messageOf(error)}`, error);
      this.#trouble = trouble;
      throw trouble;
    }
  }

  #connected(): Admin {
    if (this.#admin === null) throw notOpen();
    return this.#admin;
  }
}

function notOpen(): WaybillError {
  return unavailable("the broker is not open. Call open() first.");
}

function checkSubscription({ group, topics, prefetch }: SubscribeOptions): void {
  const isValid = group !== "" && topics.length > 0 && Number.isInteger(prefetch) && prefetch > 0;
  if (isValid) return;
  throw new WaybillError(
    "OPTIONS_INVALID",
    `subscribe: group "${group}", ${topics.length} topics, prefetch ${prefetch}: give a name, at least one topic and a whole number from 1.`,
  );
}

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
import { WaybillError } from "@waybill/core";
import { installed } from "@waybill/core/internal";
import type { DeliveryHandler } from "../groups/member.ts";
import type { ResolvedRemoteBrokerOptions } from "../options/remote-broker-options.ts";

const NEEDED =
  "nativeBroker({ url }) speaks AMQP and needs @waybill/rabbitmq and amqplib: npm install @waybill/rabbitmq amqplib";

/**
 * The native broker in another process: the adapter of RabbitMQ, with what Waybill's server has. The adapter is loaded
 * by `open`, so that who embeds the broker needs no AMQP library.
 */
export class RemoteBroker implements Broker {
  readonly name = "native";
  readonly features: BrokerFeatures;
  readonly #options: ResolvedRemoteBrokerOptions;
  #adapter: Promise<Broker> | null = null;

  constructor(options: ResolvedRemoteBrokerOptions) {
    this.#options = options;
    this.features = {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: true,
      durable: true,
      calls: ["amqplib"],
      payloadBytesMax: options.payloadBytesMax,
    };
  }

  async open(): Promise<void> {
    this.#adapter ??= loadAdapter(this.#options);
    const adapter = await this.#adapter;
    await adapter.open();
  }

  async declare(topics: readonly TopicSpec[]): Promise<void> {
    await (await this.#opened()).declare(topics);
  }

  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    await (await this.#opened()).declareGroup(group, topics);
  }

  async fence(fence: Fence): Promise<void> {
    await (await this.#opened()).fence(fence);
  }

  async publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]> {
    if (this.#adapter !== null) return (await this.#adapter).publish(batch, options);
    return batch.map(() => ({ kind: "unknown", error: notOpen() }));
  }

  async subscribe(options: SubscribeOptions, onDelivery: DeliveryHandler): Promise<Subscription> {
    return (await this.#opened()).subscribe(options, onDelivery);
  }

  async health(): Promise<BrokerHealth> {
    if (this.#adapter === null) return { status: "down", detail: notOpen().message };
    return (await this.#adapter).health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#adapter !== null) await (await this.#adapter)[Symbol.asyncDispose]();
  }

  #opened(): Promise<Broker> {
    return this.#adapter ?? Promise.reject(notOpen());
  }
}

async function loadAdapter({ tls, ...options }: ResolvedRemoteBrokerOptions): Promise<Broker> {
  const { rabbitmqBroker } = await installed(import("@waybill/rabbitmq"), NEEDED);
  // The server keeps one copy of a message on one machine: queues that are replicated elsewhere it does not have.
  const ofServer = { queueType: "classic", positions: true } as const;
  return rabbitmqBroker({ ...options, ...ofServer, ...(tls === undefined ? {} : { tls }) });
}

function notOpen(): WaybillError {
  return new WaybillError("BROKER_UNAVAILABLE", "The native broker is not open. Call open() first.");
}

import type { ChannelModel } from "amqplib";
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
import { Link } from "./connection/link.ts";
import { unavailable } from "./connection/unavailable.ts";
import { within } from "./connection/within.ts";
import type { DeliveryHandler } from "./consume/distributor.ts";
import { RabbitmqSubscription } from "./consume/rabbitmq-subscription.ts";
import { keepsPositions } from "./fencing/fence-message.ts";
import { publishInTurn } from "./fencing/publish-in-turn.ts";
import { raiseFence } from "./fencing/raise-fence.ts";
import type {
  RabbitmqBrokerOptions,
  ResolvedRabbitmqBrokerOptions,
} from "./options/rabbitmq-broker-options.ts";
import { resolveRabbitmqBrokerOptions } from "./options/rabbitmq-broker-options.ts";
import { isCall, LIBRARY } from "./outboxed/call.ts";
import { repeatedCalls } from "./outboxed/repeated-calls.ts";
import { publishApart } from "./publish/publish-apart.ts";
import { Publisher } from "./publish/publisher.ts";
import { ownMessages } from "./publish/traffic.ts";
import { Topology } from "./topology/topology.ts";

const CLOSE_DEADLINE_MS = 1000;

/**
 * RabbitMQ over amqplib: a confirmed message is routed to at least one queue and persistent there, on a majority of
 * nodes where queues are quorum queues. Every group has a queue of its own; the messages of one key reach it in order.
 *
 * Nothing connects before `open`, which throws `BROKER_UNAVAILABLE` when no server answers and `TOPOLOGY_MISMATCH`
 * when what exists on it does not fit. A connection that is lost later is made again until the broker is closed;
 * meanwhile publishes are `unknown`, and deliveries in flight come again.
 *
 * RabbitMQ cannot tell a stale relay from the current one: nothing is fenced, unless the server is Waybill's own and
 * `positions` says so.
 *
 * @throws WaybillError `OPTIONS_INVALID`
 */
export function rabbitmqBroker(options: RabbitmqBrokerOptions): Broker {
  return new RabbitmqBroker(resolveRabbitmqBrokerOptions(options));
}

class RabbitmqBroker implements Broker {
  readonly name = "rabbitmq";
  readonly features: BrokerFeatures;
  readonly #options: ResolvedRabbitmqBrokerOptions;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  /** Its own channel: one that is closed for a call concerns no other message. */
  readonly #repeater: Publisher;
  readonly #publishing: Link;
  readonly #consuming: Link;
  readonly #subscriptions = new Set<RabbitmqSubscription>();
  #isOpen = false;

  constructor(options: ResolvedRabbitmqBrokerOptions) {
    this.#options = options;
    this.features = {
      orderedByKey: options.singleActiveConsumer,
      fencing: options.positions,
      prefixAcceptance: options.positions,
      deduplicates: options.positions,
      durable: true,
      calls: [LIBRARY],
      payloadBytesMax: options.payloadBytesMax,
    };
    this.#topology = new Topology(options);
    // The publishers need their link only once there is one.
    const link = {
      blockedBy: (): string | null => this.#publishing.blockedBy,
      replace: (error: Error): void => this.#publishing.replace(error),
    };
    const publisher = new Publisher(options, ownMessages(options.exchange, this.#topology), link);
    const repeater = new Publisher(options, repeatedCalls(), link);
    this.#publisher = publisher;
    this.#repeater = repeater;
    this.#publishing = new Link("publishing", options, {
      restore: async (model) => {
        if (options.positions && !keepsPositions(model)) throw noPositions();
        await publisher.restore(model);
        await repeater.restore(model);
      },
      lost: (error) => {
        publisher.lost(error);
        repeater.lost(error);
      },
    });
    this.#consuming = new Link("consuming", options, {
      restore: (model) => this.#restoreConsumers(model),
      lost: () => {},
    });
  }

  async open(): Promise<void> {
    this.#isOpen = true;
    await this.#publishing.open();
    const { blockedBy } = this.#publishing;
    if (blockedBy !== null) throw unavailable(blocked(blockedBy));
  }

  async declare(_topics: readonly TopicSpec[]): Promise<void> {
    // A topic needs nothing of its own here: it is the routing key, and groups bind their queues to it.
    const model = await this.#server();
    await this.#soon(this.#topology.declareExchange(model));
  }

  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    const model = await this.#server();
    await this.#soon(this.#topology.declareGroup(model, group, topics));
  }

  async fence(fence: Fence): Promise<void> {
    const { trouble, model } = this.#publishing;
    if (trouble !== null) throw trouble;
    // RabbitMQ knows no epochs, as `features.fencing` says: there is nothing to tell.
    const { positions, exchange } = this.#options;
    if (positions && model !== null) await this.#soon(raiseFence(model, exchange, fence));
  }

  publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]> {
    const repeat = (calls: readonly Envelope[]): Promise<readonly PublishResult[]> =>
      this.#repeater.publish(calls, options);
    return publishApart(batch, isCall, {
      // Calls name no order that the server could hold.
      those: (calls) => (this.#options.positions ? publishInTurn(calls, repeat) : repeat(calls)),
      others: (messages) => this.#publisher.publish(messages, options),
    });
  }

  async subscribe(options: SubscribeOptions, onDelivery: DeliveryHandler): Promise<Subscription> {
    checkSubscription(options);
    await this.declareGroup(options.group, options.topics);
    const subscription = new RabbitmqSubscription(options, {
      options: this.#options,
      topology: this.#topology,
      model: () => this.#consuming.model,
      onDelivery,
      onClosed: (closed) => this.#subscriptions.delete(closed),
    });
    // From now on it is restored with its connection, so it must be known before it consumes.
    this.#subscriptions.add(subscription);
    try {
      await this.#soon(subscription.join(await this.#server()));
    } catch (error) {
      await subscription.close({ deadlineMs: 0 });
      throw error;
    }
    return subscription;
  }

  async health(): Promise<BrokerHealth> {
    const used = this.#consuming.isUsed ? [this.#publishing, this.#consuming] : [this.#publishing];
    const trouble = used.map((link) => link.trouble).find((error) => error !== null);
    if (trouble !== undefined) return { status: "down", detail: trouble.message };
    const { blockedBy } = this.#publishing;
    return blockedBy === null
      ? { status: "up", detail: "" }
      : { status: "blocked", detail: blocked(blockedBy) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    const closing = Array.from(this.#subscriptions, (one) => one.close({ deadlineMs: CLOSE_DEADLINE_MS }));
    await Promise.all(closing);
    await Promise.all([this.#publishing.close(), this.#consuming.close()]);
  }

  /** The connection for everything but publishes: a blocked publisher could not declare anything. */
  #server(): Promise<ChannelModel> {
    if (this.#isOpen) return this.#consuming.open();
    return Promise.reject(unavailable("the broker is not open. Call open() first."));
  }

  async #restoreConsumers(model: ChannelModel): Promise<void> {
    await this.#topology.restore(model);
    await Promise.all(Array.from(this.#subscriptions, (subscription) => subscription.join(model)));
  }

  async #soon(answer: Promise<void>): Promise<void> {
    const { requestTimeoutMs, clock } = this.#options;
    try {
      await within(answer, requestTimeoutMs, "the server did not answer", clock);
    } catch (error) {
      if (error instanceof WaybillError) throw error;
      throw unavailable(error instanceof Error ? error.message : String(error), error);
    }
  }
}

function noPositions(): WaybillError {
  return new WaybillError(
    "TOPOLOGY_MISMATCH",
    "The server does not fence relays: it is not `waybill broker`, or an older one. Upgrade it, or connect to it with rabbitmqBroker.",
  );
}

function blocked(reason: string): string {
  return `The server takes no publishes: ${reason}. Give it memory or disk space; publishing goes on by itself.`;
}

function checkSubscription({ group, topics, prefetch }: SubscribeOptions): void {
  const isValid = group !== "" && topics.length > 0 && Number.isInteger(prefetch) && prefetch > 0;
  if (isValid) return;
  throw new WaybillError(
    "OPTIONS_INVALID",
    `subscribe: group "${group}", ${topics.length} topics, prefetch ${prefetch}: give a name, at least one topic and a whole number from 1.`,
  );
}

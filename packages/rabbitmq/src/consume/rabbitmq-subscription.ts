import { randomUUID } from "node:crypto";
import type { ChannelModel, ConsumeMessage } from "amqplib";
import type { SubscribeOptions, Subscription } from "@waybill/core";
import { backOffMs } from "../connection/back-off.ts";
import { asError } from "../connection/unavailable.ts";
import { within } from "../connection/within.ts";
import { notify } from "../events.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { groupQueues } from "../topology/group-queues.ts";
import type { Topology } from "../topology/topology.ts";
import { isForbidden, mismatch } from "../topology/topology-mismatch.ts";
import { fromAmqp, isRedelivered } from "../wire/from-amqp.ts";
import type { DeliveryHandler } from "./distributor.ts";
import { Distributor } from "./distributor.ts";
import type { DeliverySource } from "./lane.ts";
import type { QueueConsumerListener } from "./queue-consumer.ts";
import { QueueConsumer } from "./queue-consumer.ts";

const CLOSE_DEADLINE_MS = 10_000;

export interface SubscriptionParts {
  readonly options: ResolvedRabbitmqBrokerOptions;
  readonly topology: Topology;
  /** The connection, if it is up. */
  readonly model: () => ChannelModel | null;
  readonly onDelivery: DeliveryHandler;
  readonly onClosed: (subscription: RabbitmqSubscription) => void;
}

/** One subscription of a user: a consumer on each queue of its group. It outlives channels and connections. */
export class RabbitmqSubscription implements Subscription, QueueConsumerListener {
  readonly #subscribe: SubscribeOptions;
  readonly #parts: SubscriptionParts;
  readonly #distributor: Distributor;
  readonly #consumers = new Map<string, QueueConsumer>();
  readonly #failures = new Map<string, number>();
  readonly #ending = new AbortController();
  #closing: Promise<void> | null = null;

  constructor(subscribe: SubscribeOptions, parts: SubscriptionParts) {
    this.#subscribe = subscribe;
    this.#parts = parts;
    this.#distributor = new Distributor(subscribe.prefetch, parts.onDelivery, parts.options.clock);
  }

  /** Consumes on a connection. */
  async join(model: ChannelModel): Promise<void> {
    const { group } = this.#subscribe;
    for (const queue of groupQueues(group, this.#parts.options).queues) await this.#consume(model, queue);
  }

  pause(): void {
    this.#distributor.pause();
  }

  resume(): void {
    this.#distributor.resume();
  }

  close(options: { readonly deadlineMs: number } = { deadlineMs: CLOSE_DEADLINE_MS }): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs);
    return this.#closing;
  }

  received(source: DeliverySource, tag: number, message: ConsumeMessage): void {
    const { fields, properties, content } = message;
    const { partitions, onEvent } = this.#parts.options;
    const incoming = { routingKey: fields.routingKey, properties, content };
    const { envelope, ignored } = fromAmqp(incoming, partitions, randomUUID);
    if (ignored !== null) {
      const { id: messageId, topic } = envelope;
      notify(onEvent, { type: "rabbitmq.headers-ignored", level: "warn", messageId, topic, reason: ignored });
    }
    this.#distributor.add(source, tag, envelope, isRedelivered(fields.redelivered, properties.headers));
  }

  lost(source: DeliverySource, error: Error): void {
    this.#distributor.drop(source);
    for (const [queue, consumer] of this.#consumers) {
      if (consumer !== source) continue;
      this.#consumers.delete(queue);
      void this.#consumeLater(queue, error);
    }
  }

  async #close(deadlineMs: number): Promise<void> {
    await this.#distributor.stop(deadlineMs);
    this.#ending.abort();
    const consumers = [...this.#consumers.values()];
    this.#consumers.clear();
    for (const consumer of consumers) this.#distributor.drop(consumer);
    const { requestTimeoutMs, clock } = this.#parts.options;
    const closed = Promise.all(consumers.map((consumer) => consumer.close()));
    await within(closed, requestTimeoutMs, "not closed", clock).catch(() => {});
    this.#parts.onClosed(this);
  }

  async #consume(model: ChannelModel, queue: string): Promise<void> {
    if (this.#ending.signal.aborted) return;
    const starting = QueueConsumer.start(model, queue, this.#subscribe.prefetch, this);
    const consumer = await starting.catch((error: unknown) => {
      throw isForbidden(error) ? mismatch(`queue ${queue}`, error) : error;
    });
    if (this.#ending.signal.aborted || this.#consumers.has(queue)) return consumer.close();
    this.#consumers.set(queue, consumer);
    this.#failures.delete(queue);
  }

  /** Until it succeeds, the subscription is closed, or the connection is gone: with the next one `join` is called. */
  async #consumeLater(queue: string, cause: Error): Promise<void> {
    // When the whole connection is closing, this is known only after its channels were told.
    await Promise.resolve();
    const connection = this.#parts.model();
    if (connection === null) return;
    let error: Error | null = cause;
    while (error !== null) {
      await this.#pause(queue, error);
      if (connection !== this.#parts.model() || this.#ending.signal.aborted) return;
      error = await this.#consumeAgain(connection, queue);
    }
  }

  async #pause(queue: string, error: Error): Promise<void> {
    const { options } = this.#parts;
    const failures = this.#failures.get(queue) ?? 0;
    this.#failures.set(queue, failures + 1);
    const retryInMs = backOffMs(failures, options.reconnectMaxMs, options.random);
    notify(options.onEvent, { type: "rabbitmq.consumer-lost", level: "warn", queue, retryInMs, error });
    await options.clock.sleep(retryInMs, this.#ending.signal);
  }

  /** The queue may have been deleted, so it is declared before. Answers why it did not work, `null` when it did. */
  async #consumeAgain(model: ChannelModel, queue: string): Promise<Error | null> {
    const { group, topics } = this.#subscribe;
    try {
      await this.#parts.topology.declareGroup(model, group, topics);
      await this.#consume(model, queue);
      return null;
    } catch (error) {
      return asError(error);
    }
  }
}

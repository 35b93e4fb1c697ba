import { randomUUID } from "node:crypto";
import type { Channel } from "amqplib";
import { connect } from "amqplib";
import { onTestFinished } from "vitest";
import type { Broker, Delivery, Envelope, PublishResult, Verdict } from "@waybill/core";
import { partitionOf } from "@waybill/core";
import type { RabbitmqBrokerEvent, RabbitmqBrokerOptions } from "@waybill/rabbitmq";
import { rabbitmqBroker } from "@waybill/rabbitmq";

export const TOPIC = "order.placed";
export const NO_FENCE = { fence: null, timeoutMs: 5_000 } as const;

export interface Bed {
  readonly broker: Broker;
  readonly exchange: string;
  readonly group: string;
  /** The group's first queue. */
  readonly queue: string;
  readonly events: RabbitmqBrokerEvent[];
}

/** An opened broker with an exchange and a group of its own, which has no queue yet. */
export async function openBed(url: string, options: Partial<RabbitmqBrokerOptions> = {}): Promise<Bed> {
  const exchange = options.exchange ?? `waybill-${randomUUID()}`;
  const group = `group-${randomUUID()}`;
  const { broker, events } = brokerAt(url, { exchange, ...options });
  await broker.open();
  return { broker, exchange, group, queue: `waybill.${group}`, events };
}

/** Closed when the test ends. */
export function brokerAt(
  url: string,
  options: Partial<RabbitmqBrokerOptions> = {},
): { broker: Broker; events: RabbitmqBrokerEvent[] } {
  const events: RabbitmqBrokerEvent[] = [];
  const where = options.urls === undefined ? { url } : {};
  const broker = rabbitmqBroker({ ...where, onEvent: (event) => void events.push(event), ...options });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return { broker, events };
}

/** A bare amqplib channel for what a test does behind the adapter's back. */
export async function withServer<T>(url: string, work: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await connect(url);
  connection.on("error", () => {});
  try {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    const answer = await work(channel);
    await channel.waitForConfirms();
    return answer;
  } finally {
    await connection.close();
  }
}

let made = 0;

export function message(change: Partial<Envelope> = {}): Envelope {
  made += 1;
  const id = change.id ?? randomUUID();
  const key = change.key === undefined ? "order-1" : change.key;
  return {
    id,
    source: "orders",
    topic: TOPIC,
    version: 1,
    key,
    partition: partitionOf(key, id, 32),
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(`{"made":${made}}`),
    createdAt: 1_700_000_000_000 + made,
    position: null,
    ...change,
  };
}

export function messages(
  count: number,
  change: (index: number) => Partial<Envelope> = () => ({}),
): Envelope[] {
  return Array.from({ length: count }, (_, index) => message(change(index)));
}

/** `confirmed`, `unknown`, or the code with which a message was rejected and whether it may be tried again. */
export function fates(results: readonly PublishResult[]): string[] {
  return results.map((result) => {
    if (result.kind !== "rejected") return result.kind;
    return `${result.error.code}${result.retryable ? ", may pass" : ""}`;
  });
}

export interface Seen {
  readonly deliveries: Delivery[];
  ids(): string[];
  close(deadlineMs?: number): Promise<void>;
}

/** Subscribes and remembers what came, in order; applies everything unless told otherwise. */
export async function collect(
  broker: Broker,
  group: string,
  onDelivery: (delivery: Delivery, index: number) => Promise<Verdict> = () =>
    Promise.resolve({ kind: "ack" }),
  prefetch = 64,
): Promise<Seen> {
  const deliveries: Delivery[] = [];
  const subscription = await broker.subscribe({ group, topics: [TOPIC], prefetch }, (delivery) => {
    deliveries.push(delivery);
    return onDelivery(delivery, deliveries.length - 1);
  });
  return {
    deliveries,
    ids: () => deliveries.map(({ envelope }) => envelope.id),
    close: (deadlineMs = 1_000) => subscription.close({ deadlineMs }),
  };
}

/** A handler that never answers. */
export function stuck(): Promise<Verdict> {
  return Promise.withResolvers<Verdict>().promise;
}

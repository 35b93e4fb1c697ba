import { randomUUID } from "node:crypto";
import type { Admin } from "kafkajs";
import { onTestFinished } from "vitest";
import type { Broker, Delivery, Envelope, Fence, PublishResult, Subscription, Verdict } from "@waybill/core";
import { partitionOf } from "@waybill/core";
import type { KafkaBrokerOptions } from "@waybill/kafka";
import { kafkaBroker } from "@waybill/kafka";
import { waitFor } from "@waybill/services";

export const NO_FENCE = { fence: null, timeoutMs: 10_000 } as const;

/** A broker that is quick to notice things, on names of the test's own. Closed when the test ends. */
function brokerOn(
  brokers: readonly string[],
  prefix: string,
  options: Partial<KafkaBrokerOptions> = {},
): Broker {
  const broker = kafkaBroker({
    brokers,
    topicPrefix: prefix,
    groupPrefix: prefix,
    transactionalIdPrefix: prefix,
    heartbeatMs: 100,
    fetchWaitMs: 50,
    reconnectMaxMs: 500,
    ...options,
  });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

/** Opened. */
export async function openBroker(
  brokers: readonly string[],
  prefix: string,
  options: Partial<KafkaBrokerOptions> = {},
): Promise<Broker> {
  const broker = brokerOn(brokers, prefix, options);
  await broker.open();
  return broker;
}

/** What somebody else created. Resolves when the server knows it. */
export async function createTopic(
  admin: Admin,
  topic: string,
  settings: { numPartitions: number; configEntries?: { name: string; value: string }[] },
): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, ...settings }] });
  await waitFor(() => admin.fetchTopicMetadata({ topics: [topic] }), { describe: topic });
}

/** A name that no other test uses. */
export function fresh(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

export function message(topic: string, change: Partial<Envelope> = {}): Envelope {
  const id = change.id ?? randomUUID();
  const key = change.key === undefined ? "k" : change.key;
  return {
    id,
    source: "orders",
    topic,
    version: 1,
    key,
    partition: partitionOf(key, id, 32),
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(`{"id":"${id}"}`),
    createdAt: 1_700_000_000_000,
    position: null,
    ...change,
  };
}

/** So many messages of so many keys, in turn. */
export function messages(topic: string, count: number, keys: number): Envelope[] {
  return Array.from({ length: count }, (_, index) => message(topic, { key: `key-${index % keys}` }));
}

/** What became of each message: its kind, or the code of its refusal. */
export function fates(results: readonly PublishResult[]): string[] {
  return results.map((result) => (result.kind === "rejected" ? result.error.code : result.kind));
}

export interface Collected {
  readonly subscription: Subscription;
  readonly deliveries: Delivery[];
  ids(): string[];
}

/** Subscribes, applies everything or does what `onDelivery` says, and remembers what came. Closed when the test ends. */
export async function collect(
  broker: Broker,
  group: string,
  topics: readonly string[],
  onDelivery: (delivery: Delivery) => Promise<Verdict> = () => Promise.resolve({ kind: "ack" }),
  prefetch = 64,
): Promise<Collected> {
  const deliveries: Delivery[] = [];
  const subscription = await broker.subscribe({ group, topics, prefetch }, (delivery) => {
    deliveries.push(delivery);
    return onDelivery(delivery);
  });
  onTestFinished(() => subscription.close({ deadlineMs: 0 }));
  return { subscription, deliveries, ids: () => deliveries.map(({ envelope }) => envelope.id) };
}

/** The ids of each key in the order of their first appearance. */
export function byKey(envelopes: readonly Envelope[]): Map<string | null, string[]> {
  const found = new Map<string | null, string[]>();
  for (const { key, id } of envelopes) {
    const ids = found.get(key) ?? [];
    if (!ids.includes(id)) ids.push(id);
    found.set(key, ids);
  }
  return found;
}

/** What a relay does: publishes again, in order and under the same fence, until everything is confirmed. */
export async function publishUntilConfirmed(
  broker: Broker,
  batch: readonly Envelope[],
  fence: Fence,
): Promise<string[]> {
  const seen: string[] = [];
  let pending = batch;
  await waitFor(
    async () => {
      await broker.open();
      await broker.fence(fence);
      const results = await broker.publish(pending, { fence, timeoutMs: 3_000 });
      seen.push(...new Set(fates(results)));
      pending = pending.filter((_, index) => (results[index] as PublishResult).kind !== "confirmed");
      return pending.length === 0;
    },
    { deadlineMs: 60_000, describe: () => `${pending.length} messages; so far ${seen.join(" ")}` },
  );
  return seen;
}

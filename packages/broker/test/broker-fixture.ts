import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Broker, Delivery, Envelope, PublishResult, Verdict } from "@waybill/core";
import type { NativeBrokerOptions } from "@waybill/broker";
import { nativeBroker } from "@waybill/broker";

export const TOPIC = "order.placed";
export const INCARNATION = "5f0c6b9e-4a61-4b8e-9d0f-6d6f0d1f7c11";
export const NO_FENCE = { fence: null, timeoutMs: 5000 } as const;

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "waybill-broker-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export function brokerIn(dataDir: string, options: Partial<NativeBrokerOptions> = {}): Broker {
  const broker = nativeBroker({ dataDir, fillAheadBytes: 65_536, segmentBytes: 1024 * 1024, ...options });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

/** Opened, with group `g` on the topic. */
export async function openBroker(
  dataDir: string,
  options: Partial<NativeBrokerOptions> = {},
): Promise<Broker> {
  const broker = brokerIn(dataDir, options);
  await broker.open();
  await broker.declareGroup("g", [TOPIC]);
  return broker;
}

/** What a crash right now would leave behind. */
export async function crashCopy(dataDir: string): Promise<string> {
  const copy = join(await temporaryDirectory(), "copy");
  await cp(dataDir, copy, { recursive: true, filter: (path) => !path.endsWith("/lock") });
  return copy;
}

/** Message number `index`: partition `index % 4`, its position in that, and an id made of it. */
export function message(index: number, change: Partial<Envelope> = {}): Envelope {
  return {
    id: `message-${index}`,
    source: "orders",
    topic: TOPIC,
    version: 1,
    key: `key-${index % 4}`,
    partition: index % 4,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(`{"index":${index}}`),
    createdAt: 1_700_000_000_000 + index,
    position: { incarnation: INCARNATION, sequence: Math.floor(index / 4) },
    ...change,
  };
}

export function messages(from: number, end: number): Envelope[] {
  return Array.from({ length: end - from }, (_, index) => message(from + index));
}

export function kinds(results: readonly PublishResult[]): string[] {
  return results.map((result) => (result.kind === "rejected" ? result.error.code : result.kind));
}

/** Subscribes, acknowledges, and remembers what came. */
export async function collect(
  broker: Broker,
  onDelivery: (delivery: Delivery) => Promise<Verdict> = () => Promise.resolve({ kind: "ack" }),
  group = "g",
): Promise<{ ids: string[]; deliveries: Delivery[]; close: () => Promise<void> }> {
  const ids: string[] = [];
  const deliveries: Delivery[] = [];
  const subscription = await broker.subscribe({ group, topics: [TOPIC], prefetch: 64 }, (delivery) => {
    ids.push(delivery.envelope.id);
    deliveries.push(delivery);
    return onDelivery(delivery);
  });
  return { ids, deliveries, close: () => subscription.close({ deadlineMs: 0 }) };
}

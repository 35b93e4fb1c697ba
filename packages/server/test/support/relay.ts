import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { nativeBroker } from "@waybill/broker";
import type { Broker, Envelope, PublishOptions, PublishResult } from "@waybill/core";
import { onTestFinished } from "vitest";

const TOPIC = "order.placed";
const GROUP = "billing";
const INCARNATION: string = randomUUID();

/** A broker as a relay of this epoch uses it: opened, with a group that takes the topic. Closed when the test ends. */
export async function relayAt(
  url: string,
  epoch: number,
): Promise<{ readonly broker: Broker; readonly lease: PublishOptions }> {
  const broker = nativeBroker({ url, reconnectMaxMs: 100 });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  await broker.open();
  await broker.declareGroup(GROUP, [TOPIC]);
  return { broker, lease: leaseOf(epoch) };
}

export function leaseOf(epoch: number, timeoutMs = 5_000): PublishOptions {
  return { fence: { source: "orders", incarnation: INCARNATION, epoch }, timeoutMs };
}

/** Messages of one history, of as many partitions as are asked for. */
export function history(partitions = 1): (count: number) => Envelope[] {
  const sequences = Array.from({ length: partitions }, () => 0);
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      const partition = made % partitions;
      made += 1;
      const sequence = sequences[partition] ?? 0;
      sequences[partition] = sequence + 1;
      return {
        id: randomUUID(),
        source: "orders",
        topic: TOPIC,
        version: 1,
        key: `key-${partition}`,
        partition,
        headers: {},
        contentType: "application/json",
        payload: Buffer.from(`{"made":${made}}`),
        createdAt: 1_700_000_000_000 + made,
        position: { incarnation: INCARNATION, sequence },
      };
    });
}

export function fates(results: readonly PublishResult[]): string[] {
  return results.map((result) => (result.kind === "rejected" ? result.error.code : result.kind));
}

/** The ids of what is in the group's queue, taken out of it. */
export async function storedIds(url: string): Promise<string[]> {
  const model = await connect(url);
  const ids: string[] = [];
  try {
    const channel = await model.createChannel();
    for (;;) {
      const got = await channel.get(`waybill.${GROUP}`, { noAck: true });
      if (got === false) return ids;
      ids.push(String(got.properties.messageId));
    }
  } finally {
    await model.close();
  }
}

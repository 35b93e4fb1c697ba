import type { Broker, Delivery, Subscription, Verdict } from "@waybill/core";
import { waitUntil } from "../support/wait-until.ts";

/** A subscription that remembers what it was given. */
export interface Collector {
  readonly subscription: Subscription;
  /** In the order in which the deliveries started. */
  readonly deliveries: readonly Delivery[];
  /** The ids of the deliveries so far. */
  ids(): string[];
  /** Resolves when there were at least so many deliveries. */
  until(count: number): Promise<readonly Delivery[]>;
  close(deadlineMs?: number): Promise<void>;
}

const ACK: Verdict = { kind: "ack" };
const CLOSE_DEADLINE_MS = 2_000;

/** Subscribes and applies everything, or does with each delivery what `onDelivery` says. */
export async function collect(
  broker: Broker,
  options: { readonly group: string; readonly topics: readonly string[]; readonly prefetch?: number },
  onDelivery: (delivery: Delivery, index: number) => Promise<Verdict> = () => Promise.resolve(ACK),
): Promise<Collector> {
  const deliveries: Delivery[] = [];
  const { group, topics, prefetch = 16 } = options;
  const subscription = await broker.subscribe({ group, topics, prefetch }, (delivery) => {
    deliveries.push(delivery);
    return onDelivery(delivery, deliveries.length - 1);
  });
  return {
    subscription,
    deliveries,
    ids: () => deliveries.map(({ envelope }) => envelope.id),
    until: (count) =>
      waitUntil(`${count} deliveries`, () => (deliveries.length >= count ? deliveries : null)),
    close: (deadlineMs = CLOSE_DEADLINE_MS) => subscription.close({ deadlineMs }),
  };
}

/** A verdict that is given later, for all deliveries that ask. */
export function gate(): {
  readonly pass: () => Promise<Verdict>;
  readonly open: (verdict?: Verdict) => void;
} {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  return { pass: () => promise, open: (verdict = ACK) => resolve(verdict) };
}

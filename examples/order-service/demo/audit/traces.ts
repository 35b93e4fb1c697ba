import type { Facts, OrderFact } from "./facts.ts";
import { groupedBy } from "./finding.ts";

/** Everything that exists because of one order, each named once for each time that it is there. */
export interface Traces {
  /** The committed order; `undefined` when there are traces of an order that does not exist. */
  readonly order: OrderFact | undefined;
  readonly named: readonly string[];
  readonly has: (trace: string) => boolean;
}

export const trace = {
  message: (topic: string): string => `the message ${topic}`,
  handled: (group: string, topic: string): string => `${topic} handled by ${group}`,
  reserved: "its stock reserved",
  released: "its stock released",
  charge: "a charge",
} as const;

/** Sorts the facts by order. Orders without a trace and traces without an order are in it, too. */
export function tracesOf(facts: Facts): Map<string, Traces> {
  const found = [
    ...facts.messages.map(({ orderId, topic }) => ({ orderId, name: trace.message(topic) })),
    ...facts.movements.flatMap(({ orderId, reason }) =>
      orderId === null || reason === "received" ? [] : [{ orderId, name: trace[reason] }],
    ),
    ...facts.charges.map(({ orderId }) => ({ orderId, name: trace.charge })),
    ...facts.history.map(({ orderId, group, topic }) => ({ orderId, name: trace.handled(group, topic) })),
  ];
  const byOrder = groupedBy(found, ({ orderId }) => orderId);
  const orders = new Map(facts.orders.map((order) => [order.orderId, order]));
  const ids = new Set([...orders.keys(), ...byOrder.keys()]);
  return new Map(
    [...ids].map((orderId) => {
      const named = (byOrder.get(orderId) ?? []).map(({ name }) => name);
      const known = new Set(named);
      return [orderId, { order: orders.get(orderId), named, has: (name) => known.has(name) }];
    }),
  );
}

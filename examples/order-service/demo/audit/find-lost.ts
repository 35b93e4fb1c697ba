import { HANDLED_BY, type Facts, type OrderFact } from "./facts.ts";
import { money, sumBy, type Finding } from "./finding.ts";
import { trace, type Traces } from "./traces.ts";

/** Committed orders, or parts of them, without the effects that must follow. */
export function findLost(facts: Facts, traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...lostOrders(facts), ...lostEffects(traces), ...lostMoney(facts)];
}

function lostOrders({ answers, orders }: Facts): Finding[] {
  const known = new Set(orders.map(({ orderId }) => orderId));
  return answers.placed
    .filter((orderId) => !known.has(orderId))
    .map((orderId) => ({
      kind: "lost",
      subject: `order ${orderId}`,
      what: "the client was told that it is taken, but there is no such order",
    }));
}

function lostEffects(traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...traces.values()].flatMap(({ order, has }) => {
    if (order === undefined) return []; // An orphan: see find-orphans.ts.
    const missing = expectedOf(order, has).filter((name) => !has(name));
    if (order.status === "placed") missing.push("an end: it is neither confirmed nor rejected");
    if (missing.length === 0) return [];
    const what = `it was committed, but is missing ${missing.join(", ")}`;
    return [{ kind: "lost", subject: `order ${order.orderId}`, what }];
  });
}

/** What must be there for an order in its state, and for every message of it that was committed. */
function expectedOf(order: OrderFact, has: (name: string) => boolean): string[] {
  const sent = Object.entries(HANDLED_BY).filter(
    ([topic]) => topic === "order.placed" || has(trace.message(topic)),
  );
  const ofMessages = sent.flatMap(([topic, group]) => [trace.message(topic), trace.handled(group, topic)]);
  return [...ofMessages, ...effectsOf(order, has)];
}

function effectsOf(order: OrderFact, has: (name: string) => boolean): string[] {
  switch (order.status) {
    case "placed":
      return [];
    case "confirmed":
      return [trace.reserved, trace.charge];
    case "rejected":
      return has(trace.reserved) ? [trace.released] : [];
    default:
      return order.status satisfies never;
  }
}

/** A row that says that money moved, and an account that did not move. */
function lostMoney({ accounts, charges }: Facts): Finding[] {
  const charged = sumBy(
    charges,
    ({ customerId }) => customerId,
    ({ amountCents }) => amountCents,
  );
  return accounts.flatMap(({ customerId, openingCents, balanceCents }) => {
    const tooMuch = balanceCents - (openingCents - (charged.get(customerId) ?? 0));
    if (tooMuch <= 0) return [];
    const what = `its balance is ${money(tooMuch)} higher than its charges say`;
    return [{ kind: "lost", subject: `account ${customerId}`, what }];
  });
}

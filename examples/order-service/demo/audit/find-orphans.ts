import type { Facts } from "./facts.ts";
import { groupedBy, type Finding } from "./finding.ts";
import type { Traces } from "./traces.ts";

/** What exists without a committed order: rolled back and still sent, or forged. */
export function findOrphans(facts: Facts, traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...withoutOrder(traces), ...rolledBackAndThere(facts), ...burntNumbers(facts)];
}

function withoutOrder(traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...traces].flatMap(([orderId, { order, named }]) => {
    if (order !== undefined) return [];
    const what = `it was never committed, but there is ${[...new Set(named)].join(", ")}`;
    return [{ kind: "orphan", subject: `order ${orderId}`, what }];
  });
}

function rolledBackAndThere({ answers, orders }: Facts): Finding[] {
  const rolledBack = new Set(answers.rolledBack);
  return orders
    .filter(({ orderId }) => rolledBack.has(orderId))
    .map(({ orderId }) => ({
      kind: "orphan",
      subject: `order ${orderId}`,
      what: "the client was told that it was rolled back, but it is there",
    }));
}

/** A customer's orders are numbered 1, 2, 3, …: an order that was rolled back leaves no gap. */
function burntNumbers({ customers, orders }: Facts): Finding[] {
  const byCustomer = groupedBy(orders, ({ customerId }) => customerId);
  return customers.flatMap(({ customerId, lastOrderNo }) => {
    const count = byCustomer.get(customerId)?.length ?? 0;
    if (count === lastOrderNo) return [];
    const what = `it counts ${lastOrderNo} orders, but ${count} were committed`;
    return [{ kind: "orphan", subject: `customer ${customerId}`, what }];
  });
}

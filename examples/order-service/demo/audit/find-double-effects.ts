import type { Facts } from "./facts.ts";
import { money, sumBy, type Finding } from "./finding.ts";
import { trace, type Traces } from "./traces.ts";

/** Effects that happened more often than once, or that exclude each other. */
export function findDoubleEffects(facts: Facts, traces: ReadonlyMap<string, Traces>): Finding[] {
  return [
    ...repeated(traces),
    ...contradicting(traces),
    ...accountsChargedTwice(facts),
    ...stockMovedTwice(facts),
    ...creditFreedTwice(facts),
  ];
}

function repeated(traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...traces].flatMap(([orderId, { named }]) => {
    const counts = sumBy(
      named,
      (name) => name,
      () => 1,
    );
    return [...counts]
      .filter(([, count]) => count > 1)
      .map(([name, count]) => doubleEffect(`order ${orderId}`, `${name} is there ${count} times`));
  });
}

function contradicting(traces: ReadonlyMap<string, Traces>): Finding[] {
  return [...traces].flatMap(([orderId, { order, has }]) => {
    if (order?.status === "rejected" && has(trace.charge))
      return [doubleEffect(`order ${orderId}`, "it is rejected and charged")];
    if (order?.status === "confirmed" && has(trace.released))
      return [doubleEffect(`order ${orderId}`, "it is confirmed, and its stock was released")];
    return [];
  });
}

/** A balance that moved without a charge: somebody applied the effect again, without its row. */
function accountsChargedTwice({ accounts, charges }: Facts): Finding[] {
  const charged = sumBy(
    charges,
    ({ customerId }) => customerId,
    ({ amountCents }) => amountCents,
  );
  return accounts.flatMap(({ customerId, openingCents, balanceCents }) => {
    const missing = openingCents - (charged.get(customerId) ?? 0) - balanceCents;
    if (missing <= 0) return [];
    return [
      doubleEffect(`account ${customerId}`, `its balance is ${money(missing)} lower than its charges say`),
    ];
  });
}

function stockMovedTwice({ stock, movements }: Facts): Finding[] {
  const moved = sumBy(
    movements,
    ({ sku }) => sku,
    ({ delta }) => delta,
  );
  return stock.flatMap(({ sku, available }) => {
    const expected = moved.get(sku) ?? 0;
    if (available === expected) return [];
    return [
      doubleEffect(`article ${sku}`, `${available} are available, ${expected} according to its movements`),
    ];
  });
}

/** What a customer has open is what its orders that have not ended add up to. */
function creditFreedTwice({ customers, orders }: Facts): Finding[] {
  const open = sumBy(
    orders.filter(({ status }) => status === "placed"),
    ({ customerId }) => customerId,
    ({ totalCents }) => totalCents,
  );
  return customers.flatMap(({ customerId, openCents }) => {
    const expected = open.get(customerId) ?? 0;
    if (openCents === expected) return [];
    const what = `${money(openCents)} is open, ${money(expected)} according to its orders`;
    return [doubleEffect(`customer ${customerId}`, what)];
  });
}

function doubleEffect(subject: string, what: string): Finding {
  return { kind: "double effect", subject, what };
}

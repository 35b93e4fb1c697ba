import type { Facts, HistoryFact, MessageFact, OrderFact } from "../demo/audit/facts.ts";

/** Facts that can be changed, to make them bad. */
export type Draft = {
  -readonly [K in keyof Facts]: Facts[K] extends readonly (infer T)[] ? Mutable<T>[] : Facts[K];
};
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Three orders of one customer: two confirmed, one declined; a fourth was rolled back. */
export function factsOfAGoodDay(): Draft {
  const confirmed = ["order.placed", "stock.reserved", "order.confirmed"];
  const declined = ["order.placed", "stock.reserved", "payment.declined", "order.rejected"];
  return {
    orders: [order(1, "confirmed"), order(2, "rejected"), order(3, "confirmed")],
    messages: [
      ...confirmed.map((topic) => message(1, topic)),
      ...declined.map((topic) => message(2, topic)),
      ...confirmed.map((topic) => message(3, topic)),
    ],
    history: [
      ...confirmed.map((topic) => handled(1, topic)),
      ...declined.map((topic) => handled(2, topic)),
      ...confirmed.map((topic) => handled(3, topic)),
    ],
    movements: [
      { sku: "anvil", delta: 10, reason: "received", orderId: null },
      { sku: "anvil", delta: -1, reason: "reserved", orderId: "o-1" },
      { sku: "anvil", delta: -1, reason: "reserved", orderId: "o-2" },
      { sku: "anvil", delta: 1, reason: "released", orderId: "o-2" },
      { sku: "anvil", delta: -1, reason: "reserved", orderId: "o-3" },
    ],
    stock: [{ sku: "anvil", available: 8 }],
    charges: [
      { orderId: "o-1", customerId: "c-1", amountCents: 500 },
      { orderId: "o-3", customerId: "c-1", amountCents: 500 },
    ],
    accounts: [{ customerId: "c-1", openingCents: 10_000, balanceCents: 9_000 }],
    customers: [{ customerId: "c-1", openCents: 0, lastOrderNo: 3 }],
    answers: { placed: ["o-1", "o-2", "o-3"], rolledBack: ["o-4"] },
  };
}

const GROUPS: Readonly<Record<string, string>> = {
  "order.placed": "inventory",
  "stock.reserved": "payment",
  "order.confirmed": "orders",
  "payment.declined": "inventory",
  "order.rejected": "orders",
};

function order(no: number, status: "confirmed" | "rejected"): OrderFact {
  return {
    orderId: `o-${no}`,
    customerId: "c-1",
    customerOrderNo: no,
    totalCents: 500,
    status,
    rejectionReason: status === "rejected" ? "payment declined" : null,
  };
}

function message(no: number, topic: string): MessageFact {
  return { topic, orderId: `o-${no}`, customerId: "c-1", customerOrderNo: no };
}

function handled(no: number, topic: string): HistoryFact {
  return { ...message(no, topic), group: GROUPS[topic] ?? "" };
}

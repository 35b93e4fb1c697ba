/** What the audit judges: rows as the database holds them, and what the clients were told. No counter of the SDK. */
export interface Facts {
  readonly orders: readonly OrderFact[];
  readonly messages: readonly MessageFact[];
  readonly history: readonly HistoryFact[];
  readonly movements: readonly MovementFact[];
  readonly stock: readonly { readonly sku: string; readonly available: number }[];
  readonly charges: readonly ChargeFact[];
  readonly accounts: readonly AccountFact[];
  readonly customers: readonly CustomerFact[];
  readonly answers: Answers;
}

/** What the HTTP service answered, by order. */
export interface Answers {
  /** 201: the order is taken. */
  readonly placed: readonly string[];
  /** 409: the transaction was rolled back, nothing may remain. */
  readonly rolledBack: readonly string[];
}

/** A committed order. */
export interface OrderFact {
  readonly orderId: string;
  readonly customerId: string;
  readonly customerOrderNo: number;
  readonly totalCents: number;
  readonly status: "placed" | "confirmed" | "rejected";
  readonly rejectionReason: string | null;
}

/** A committed message in the outbox, in the order in which they were written. */
export interface MessageFact {
  readonly topic: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly customerOrderNo: number;
}

/** A message that a group has handled, in the order in which that happened. */
export interface HistoryFact extends MessageFact {
  readonly group: string;
}

export interface MovementFact {
  readonly sku: string;
  readonly delta: number;
  readonly reason: "received" | "reserved" | "released";
  readonly orderId: string | null;
}

export interface ChargeFact {
  readonly orderId: string;
  readonly customerId: string;
  readonly amountCents: number;
}

export interface AccountFact {
  readonly customerId: string;
  readonly openingCents: number;
  readonly balanceCents: number;
}

export interface CustomerFact {
  readonly customerId: string;
  readonly openCents: number;
  readonly lastOrderNo: number;
}

/** Which group has to handle which topic. */
export const HANDLED_BY: Readonly<Record<string, string>> = {
  "order.placed": "inventory",
  "stock.reserved": "payment",
  "order.confirmed": "orders",
  "payment.declined": "inventory",
  "order.rejected": "orders",
};

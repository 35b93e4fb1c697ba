import { setTimeout as delay } from "node:timers/promises";
import type { Answers } from "./audit/facts.ts";
import type { PlannedOrder } from "./plan-orders.ts";

export interface PlaceOrdersOptions {
  /** Of the HTTP service, such as `http://127.0.0.1:3000`. */
  readonly address: string;
  readonly orders: readonly PlannedOrder[];
  /** Clients that work side by side, each on one order after another. */
  readonly clients: number;
  /** How long a client pauses between two orders. */
  readonly thinkMs: number;
  /** Resolves when the order with this index may be placed. */
  readonly mayPlace: (index: number) => Promise<void>;
  readonly onAnswer: (answered: number) => void;
  readonly signal: AbortSignal;
}

/** Places the orders as several clients would. Resolves with what they were told, rejects with the first surprise. */
export async function placeOrders(options: PlaceOrdersOptions): Promise<Answers> {
  const { orders, clients, thinkMs, mayPlace, onAnswer, signal } = options;
  const placed: string[] = [];
  const rolledBack: string[] = [];
  const queue = orders.entries();

  async function client(): Promise<void> {
    for (const [index, order] of queue) {
      await mayPlace(index);
      const answer = await placeOrder(options.address, order, signal);
      (answer === "placed" ? placed : rolledBack).push(order.orderId);
      onAnswer(placed.length + rolledBack.length);
      await delay(thinkMs, undefined, { signal });
    }
  }

  await Promise.all(Array.from({ length: clients }, client));
  return { placed, rolledBack };
}

async function placeOrder(
  address: string,
  order: PlannedOrder,
  signal: AbortSignal,
): Promise<"placed" | "rolled back"> {
  const response = await fetch(`${address}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
    signal,
  }).catch((cause: unknown) => {
    throw new Error(`order ${order.orderId}: the HTTP service did not answer`, { cause });
  });
  const body = (await response.json()) as { code?: string };
  if (response.status === 201) return "placed";
  if (response.status === 409 && body.code === "CREDIT_LIMIT_EXCEEDED") return "rolled back";
  throw new Error(
    `order ${order.orderId}: the HTTP service answered ${response.status} ${JSON.stringify(body)}`,
  );
}

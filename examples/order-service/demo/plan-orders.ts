/** An order that a client will try to place. */
export interface PlannedOrder {
  readonly orderId: string;
  readonly customerId: string;
  readonly sku: string;
  readonly quantity: number;
  /** Money with two decimals. */
  readonly total: number;
}

export interface Plan {
  readonly orders: readonly PlannedOrder[];
  readonly customers: readonly string[];
  /** What is in the shop at the beginning. */
  readonly stock: readonly { readonly sku: string; readonly available: number }[];
}

/** Far above what a customer can have open, far below what an order beyond the limit costs. */
export const CREDIT_LIMIT_CENTS = 5_000_000;
export const OPENING_BALANCE_CENTS = 1_000_000_000;

/** Names and totals have one length, so that the saboteur finds messages that can change places. */
const ARTICLES = ["anvil", "bench", "clock", "drill", "easel", "flute", "globe", "watch"] as const;
/** Sells out halfway. */
const SCARCE = "watch";

/**
 * The same plan for the same number: about 8 % cost more than the customer's credit and are rolled back, 7 % cost an
 * amount that the bank declines, and one article of eight sells out halfway. Two orders in a row are of one customer.
 */
export function planOrders(count: number): Plan {
  const customerCount = Math.min(40, Math.max(3, Math.floor(count / 15)));
  const customers = Array.from({ length: customerCount }, (_, index) => numbered("c", index + 1, 2));
  const orders = Array.from({ length: count }, (_, index): PlannedOrder => {
    const quantity = 1 + (index % 3);
    return {
      orderId: numbered("o", index + 1, 5),
      customerId: customers[Math.floor(index / 2) % customerCount] ?? "",
      sku: articleOf(index),
      quantity,
      total: totalCentsOf(index) / 100,
    };
  });
  const scarce = Math.ceil(count / 16);
  const stock = ARTICLES.map((sku) => ({ sku, available: sku === SCARCE ? scarce : 1_000_000 }));
  return { orders, customers, stock };
}

function articleOf(index: number): string {
  return ARTICLES[(index * 5) % ARTICLES.length] ?? SCARCE;
}

function totalCentsOf(index: number): number {
  if (index % 12 === 7) return CREDIT_LIMIT_CENTS + 100;
  const cents = (index * 37) % 100;
  const whole = 1_000 + ((index * 7) % 90) * 100;
  if (index % 14 === 5) return whole + 13;
  return whole + (cents === 13 ? 14 : cents);
}

function numbered(prefix: string, value: number, digits: number): string {
  return `${prefix}-${String(value).padStart(digits, "0")}`;
}

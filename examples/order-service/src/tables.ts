/** The rows of the example's own tables, as knex reads and writes them. */
declare module "knex/types/tables.js" {
  interface Tables {
    customers: CustomerRow;
    orders: OrderRow;
    order_history: OrderHistoryRow;
    stock: StockRow;
    stock_movements: StockMovementRow;
    accounts: AccountRow;
    charges: ChargeRow;
  }
}

export interface CustomerRow {
  customer_id: string;
  credit_limit_cents: number;
  /** What the orders that have not ended yet add up to. */
  open_cents: number;
  /** The number of the customer's newest order. */
  last_order_no: number;
}

export type OrderStatus = "placed" | "confirmed" | "rejected";

export interface OrderRow {
  order_id: string;
  customer_id: string;
  customer_order_no: number;
  sku: string;
  quantity: number;
  total_cents: number;
  status: OrderStatus;
  rejection_reason: string | null;
}

/** One line for each message that a group has handled. */
interface OrderHistoryRow {
  /** Grows in the order in which things happened; as text, because it may exceed a JavaScript number. */
  history_id?: string;
  consumer_group: string;
  topic: string;
  order_id: string;
  customer_id: string;
  customer_order_no: number;
}

interface StockRow {
  sku: string;
  available: number;
}

/** Every change of the stock: `available` is the sum of all deltas. */
export interface StockMovementRow {
  movement_id?: string;
  sku: string;
  delta: number;
  reason: "received" | "reserved" | "released";
  order_id: string | null;
  customer_id: string | null;
  customer_order_no: number | null;
}

interface AccountRow {
  customer_id: string;
  opening_cents: number;
  balance_cents: number;
}

interface ChargeRow {
  charge_id?: string;
  order_id: string;
  customer_id: string;
  amount_cents: number;
}

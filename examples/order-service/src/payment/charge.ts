import { Unprocessable } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import type { OrderFacts } from "../topics.ts";

/**
 * Charges the customer's account. The table of charges has no unique constraint on the order, on purpose: a charge
 * that happened twice would be there twice, for everybody to see.
 */
export async function charge(tx: Tx, { orderId, customerId, totalCents }: OrderFacts): Promise<void> {
  if (isDeclined(totalCents)) throw new Unprocessable("payment declined");
  await tx("charges").insert({ order_id: orderId, customer_id: customerId, amount_cents: totalCents });
  await tx("accounts").where({ customer_id: customerId }).decrement("balance_cents", totalCents);
}

/** This bank is superstitious: it declines whatever ends in .13. */
function isDeclined(totalCents: number): boolean {
  return totalCents % 100 === 13;
}

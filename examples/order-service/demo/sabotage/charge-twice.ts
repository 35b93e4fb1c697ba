import type { Knex } from "knex";

const APPLY_AGAIN = `
  with charged as (
    select order_id, customer_id, amount_cents from charges order by charge_id limit 1
  ), again as (
    insert into charges (order_id, customer_id, amount_cents)
    select order_id, customer_id, amount_cents from charged
  )
  update accounts set balance_cents = balance_cents - charged.amount_cents
  from charged
  where accounts.customer_id = charged.customer_id
  returning charged.order_id as "orderId"`;

/** Applies the effect of a handler a second time. */
export async function chargeTwice(knex: Knex): Promise<string | undefined> {
  const { rows } = await knex.raw<{ rows: { orderId: string }[] }>(APPLY_AGAIN);
  return rows[0] && `order ${rows[0].orderId} was charged a second time`;
}

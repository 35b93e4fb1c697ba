import type { Saboteur } from "./saboteur.ts";

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
export const chargeTwice: Saboteur = {
  async prepare({ knex, until }) {
    await until("the first charge", async () => (await knex("charges").first()) !== undefined);
    return null;
  },
  async tamper({ knex }) {
    const { rows } = await knex.raw<{ rows: [{ orderId: string }] }>(APPLY_AGAIN);
    return `order ${rows[0].orderId} was charged a second time`;
  },
};

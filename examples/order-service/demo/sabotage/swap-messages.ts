import type { Knex } from "knex";

const SWAP_UNREAD = `
  with pair as (
    select a.id as first_id, a.payload as first_payload, b.id as second_id, b.payload as second_payload
    from waybill.outbox as a
    join waybill.outbox as b on b.topic = a.topic and b.key = a.key and b.id > a.id
    where a.id > ? and a.topic = 'order.placed'
    order by a.id, b.id
    limit 1
  )
  update waybill.outbox as message
  set payload = case message.id when pair.first_id then pair.second_payload else pair.first_payload end
  from pair
  where message.id in (pair.first_id, pair.second_id)
  returning convert_from(message.payload, 'UTF8')::json ->> 'orderId' as "orderId"`;

/** Exchanges two messages of one customer before anybody has read them. */
export async function swapMessages(knex: Knex, lastId: string): Promise<string | undefined> {
  const { rows } = await knex.raw<{ rows: { orderId: string }[] }>(SWAP_UNREAD, [lastId]);
  if (rows.length === 0) return undefined;
  return `the messages of orders ${rows.map(({ orderId }) => orderId).join(" and ")} were exchanged`;
}

import type { Knex } from "knex";

const DELETE_UNREAD = `
  delete from waybill.outbox
  where id = (select min(id) from waybill.outbox where id > ? and topic = 'order.placed')
  returning convert_from(payload, 'UTF8')::json ->> 'orderId' as "orderId"`;

/** Deletes the message of a committed order before anybody has read it. */
export async function loseMessage(knex: Knex, lastId: string): Promise<string | undefined> {
  const { rows } = await knex.raw<{ rows: { orderId: string }[] }>(DELETE_UNREAD, [lastId]);
  return rows[0] && `the outbox row of order ${rows[0].orderId} was deleted`;
}

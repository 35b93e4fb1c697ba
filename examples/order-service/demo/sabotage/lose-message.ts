import type { Knex } from "knex";
import type { Saboteur } from "./saboteur.ts";

const DELETE_UNREAD = `
  delete from waybill.outbox
  where id = (select min(id) from waybill.outbox where id > ? and topic = 'order.placed')
  returning convert_from(payload, 'UTF8')::json ->> 'orderId' as "orderId"`;

/** Deletes the message of a committed order before anybody has read it. */
export const loseMessage: Saboteur = {
  prepare: () => Promise.resolve(null),
  async tamper({ knex, until }) {
    const lastRead = await newestOutboxId(knex);
    let orderId: string | undefined;
    await until("an order that is placed while no worker lives", async () => {
      const { rows } = await knex.raw<{ rows: { orderId: string }[] }>(DELETE_UNREAD, [lastRead]);
      orderId = rows[0]?.orderId;
      return orderId !== undefined;
    });
    return `the outbox row of order ${orderId} was deleted`;
  },
};

/** As text, because it may exceed a JavaScript number. */
async function newestOutboxId(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: [{ id: string }] }>(
    "select coalesce(max(id), 0)::text as id from waybill.outbox",
  );
  return rows[0].id;
}

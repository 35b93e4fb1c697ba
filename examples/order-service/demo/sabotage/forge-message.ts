import type { Saboteur } from "./saboteur.ts";

const FORGED_ORDER = "o-forged";

const COPY_WITH_ANOTHER_ORDER = `
  insert into waybill.outbox (topic, version, key, partition, message_id, headers, content_type, payload)
  select topic, version, key, partition, gen_random_uuid(), headers, content_type,
    convert_to(jsonb_set(convert_from(payload, 'UTF8')::jsonb, '{orderId}', to_jsonb(?::text))::text, 'UTF8')
  from waybill.outbox
  where topic = 'order.placed'
  order by id
  limit 1`;

/** Writes the message of an order that was never committed. */
export const forgeMessage: Saboteur = {
  prepare: () => Promise.resolve(null),
  async tamper({ knex }) {
    await knex.raw(COPY_WITH_ANOTHER_ORDER, [FORGED_ORDER]);
    return `an outbox row was forged for order ${FORGED_ORDER}, which does not exist`;
  },
};

import type { Knex } from "knex";

const FORGED_ORDER = "o-forged";

const COPY_WITH_ANOTHER_ORDER = `
  insert into waybill.outbox (topic, version, key, partition, message_id, headers, content_type, payload)
  select topic, version, key, partition, gen_random_uuid(), headers, content_type,
    convert_to(jsonb_set(convert_from(payload, 'UTF8')::jsonb, '{orderId}', to_jsonb(?::text))::text, 'UTF8')
  from waybill.outbox
  where topic = 'order.placed'
  order by id
  limit 1
  returning id`;

/** Writes the message of an order that was never committed. */
export async function forgeMessage(knex: Knex): Promise<string | undefined> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(COPY_WITH_ANOTHER_ORDER, [FORGED_ORDER]);
  return rows.length === 0
    ? undefined
    : `an outbox row for order ${FORGED_ORDER}, which does not exist, was forged`;
}

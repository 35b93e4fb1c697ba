/**
 * Deliberate further deliveries (number 1, 2, …) that a group has applied. Apart from the records of normal ones, which
 * then stay as narrow as they are and can be folded.
 */
export const REDELIVERY_COLUMNS = `
  consumer_group text not null,
  message_id uuid not null,
  delivery integer not null check (delivery > 0),
  applied_at timestamptz not null default now(),
  constraint inbox_redelivery_message primary key (consumer_group, message_id, delivery)
`;

/**
 * Claims a retried message, which runs from its parked row (`running`): each number once, whatever the normal records
 * and the ranges of positions say.
 */
export function claimAgain(schema: string): string {
  return `create function ${schema}.inbox_claim_again(
  of_group text, of_id uuid, of_delivery integer, of_topic text, of_key text, ordered boolean, running bigint
) returns text language plpgsql volatile as $body$
begin
  if ordered and of_key is not null then
    perform pg_advisory_xact_lock(${schema}.key_lock(of_group, of_topic, of_key));
  end if;
  insert into ${schema}.inbox_redelivery (consumer_group, message_id, delivery)
  values (of_group, of_id, of_delivery) on conflict do nothing;
  if not found then
    return 'duplicate';
  end if;
  if ordered and of_key is not null then
    perform 1 from ${schema}.parked p
    where p.consumer_group = of_group and p.topic = of_topic and p.key = of_key and p.ordering = 'blocking'
      and p.key is not null and p.reason in ('retry', 'behind', 'unknown') and p.id < running;
    if found then
      delete from ${schema}.inbox_redelivery i
      where i.consumer_group = of_group and i.message_id = of_id and i.delivery = of_delivery;
      return 'behind';
    end if;
  end if;
  return 'claimed';
end
$body$`;
}

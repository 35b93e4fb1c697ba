/**
 * Parks the chosen letters again in the order of the array. Whoever retries them at the same time waits for the row
 * locks, taken in one order by all, and then finds another state. As `delayed` rows they hold up nobody before they are
 * due, and wait for what is parked before them. An outgoing message gets a new position, its old one was announced void.
 */
export function retryLetters(schema: string): string {
  return `create function ${schema}.dead_letter_retry(chosen json, answered_too boolean, by_actor text, because text)
returns setof bigint language plpgsql volatile as $body$
declare
  c record;
begin
  ${lockChosen(schema)}
  for c in select * from json_to_recordset(chosen) as r(id bigint, delivery integer, due_at double precision) loop
    insert into ${schema}.parked (
      consumer_group, message_id, source, topic, version, key, partition, headers, content_type, payload, created_at,
      incarnation, sequence, reason, stage, ordering, attempts, due_at, error, expires_at, delivery
    )
    select
      d.consumer_group, d.message_id, d.source, d.topic, d.version, d.key, d.partition, d.headers, d.content_type,
      d.payload, d.created_at, case when d.consumer_group <> '' then d.incarnation end,
      case when d.consumer_group <> '' then d.sequence end, 'delayed', 'handle', d.ordering, 0,
      to_timestamp(c.due_at / 1000), null, null, d.delivery + 1
    from ${schema}.dead_letter d
    where d.id = c.id and d.delivery = c.delivery and d.state in ('dead', 'discarded')
      and (answered_too or not d.answered)
    on conflict (consumer_group, message_id) do nothing;
    continue when not found;
    update ${schema}.dead_letter d set state = 'retrying', delivery = d.delivery + 1 where d.id = c.id;
    insert into ${schema}.dead_letter_audit (actor, act, reason, dead_letter_id, consumer_group, topic, message_id, delivery)
    select by_actor, 'retry', because, d.id, d.consumer_group, d.topic, d.message_id, d.delivery
    from ${schema}.dead_letter d where d.id = c.id;
    return next c.id;
  end loop;
end
$body$`;
}

export function discardLetters(schema: string): string {
  return `create function ${schema}.dead_letter_discard(chosen json, by_actor text, because text)
returns setof bigint language plpgsql volatile as $body$
begin
  ${lockChosen(schema)}
  return query with gone as (
    update ${schema}.dead_letter d set state = 'discarded'
    from json_to_recordset(chosen) as c(id bigint, delivery integer)
    where d.id = c.id and d.delivery = c.delivery and d.state = 'dead'
    returning d.id, d.consumer_group, d.topic, d.message_id, d.delivery
  )
  insert into ${schema}.dead_letter_audit (actor, act, reason, dead_letter_id, consumer_group, topic, message_id, delivery)
  select by_actor, 'discard', because, g.id, g.consumer_group, g.topic, g.message_id, g.delivery from gone g
  returning dead_letter_id;
end
$body$`;
}

export function editLetter(schema: string): string {
  return `create function ${schema}.dead_letter_edit(
  of_id bigint, new_payload bytea, new_content_type text, new_version integer, by_actor text, because text
) returns boolean language plpgsql volatile as $body$
declare
  old record;
begin
  select d.* into old from ${schema}.dead_letter d where d.id = of_id and d.state = 'dead' for update;
  if not found then
    return false;
  end if;
  update ${schema}.dead_letter d
  set payload = new_payload, content_type = new_content_type, version = new_version where d.id = of_id;
  insert into ${schema}.dead_letter_audit (
    actor, act, reason, dead_letter_id, consumer_group, topic, message_id, delivery, before, after
  ) values (
    by_actor, 'edit', because, old.id, old.consumer_group, old.topic, old.message_id, old.delivery, old.payload,
    new_payload
  );
  return true;
end
$body$`;
}

function lockChosen(schema: string): string {
  return `perform 1 from ${schema}.dead_letter d
  where d.id in (select r.id from json_to_recordset(chosen) as r(id bigint)) order by d.id for update;`;
}

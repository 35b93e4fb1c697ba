import type { Migration } from "../migration.ts";

/** Columns of a whole message with its position, as parked messages and dead letters keep it. */
export const ENVELOPE_COLUMNS = `message_id text not null,
  source text not null,
  topic text not null,
  version integer not null,
  key text,
  partition integer not null,
  headers json not null,
  content_type text not null,
  payload bytea not null,
  created_at timestamptz(3) not null,
  incarnation uuid,
  sequence bigint`;

/**
 * Messages that wait, and apart from them how often each was started without an end. A `behind` row that is not the head of its key has no due time (`infinity`), so that looking
 * for due rows never wades through a long queue of one key; `parked_promote` makes it due when it becomes the head.
 */
export const parked: Migration = {
  name: "003_parked",
  up: ({ schema }) => [
    `create table ${schema}.parked (
  id bigint generated always as identity primary key,
  consumer_group text not null,
  ${ENVELOPE_COLUMNS},
  reason text not null check (reason in ('delayed', 'retry', 'behind', 'unknown', 'void')),
  stage text not null check (stage in ('handle', 'compensate')),
  ordering text not null check (ordering in ('blocking', 'parking')),
  attempts integer not null,
  due_at timestamptz not null,
  error text,
  expires_at timestamptz(3),
  parked_at timestamptz(3) not null default clock_timestamp(),
  delivery integer not null default 0,
  constraint parked_message unique (consumer_group, message_id)
)`,
    `create index parked_due on ${schema}.parked (consumer_group, due_at, id)`,
    `create index parked_key on ${schema}.parked (consumer_group, topic, key, id) where ordering = 'blocking' and key is not null`,
    `create table ${schema}.parked_start (
  parked_id bigint primary key,
  starts integer not null
)`,
    promote(schema),
    add(schema),
    remove(schema),
    again(schema),
  ],
  down: ({ schema }) => [
    `drop function ${schema}.parked_again(bigint, text, text, integer, double precision, text)`,
    `drop function ${schema}.parked_remove(bigint)`,
    `drop function ${schema}.parked_add(json)`,
    `drop function ${schema}.parked_promote(text, text, text)`,
    `drop table ${schema}.parked_start`,
    `drop table ${schema}.parked`,
  ],
};

/** Under the lock of the key, which makes it see every row that was parked behind the one that went. */
function promote(schema: string): string {
  return `create function ${schema}.parked_promote(of_group text, of_topic text, of_key text) returns void
language plpgsql volatile as $body$
begin
  perform pg_advisory_xact_lock(${schema}.key_lock(of_group, of_topic, of_key));
  update ${schema}.parked p set due_at = clock_timestamp()
  where p.id = (
    select h.id from ${schema}.parked h
    where h.consumer_group = of_group and h.topic = of_topic and h.key = of_key
      and h.ordering = 'blocking' and h.key is not null and h.reason in ('retry', 'behind', 'unknown')
    order by h.id limit 1
  ) and p.reason = 'behind' and p.due_at = 'infinity';
end
$body$`;
}

/** Parks an array of messages; those that their group parked before are left as they are. */
function add(schema: string): string {
  return `create function ${schema}.parked_add(messages json) returns void language plpgsql volatile as $body$
declare
  waiting record;
begin
  insert into ${schema}.parked (
    consumer_group, message_id, source, topic, version, key, partition, headers, content_type, payload, created_at,
    incarnation, sequence, reason, stage, ordering, attempts, due_at, error, expires_at
  )
  select
    m."group", m.id, m.source, m.topic, m.version, m.key, m.partition, m.headers, m.content_type,
    decode(m.payload, 'base64'), to_timestamp(m.created_at / 1000), m.incarnation, m.sequence, m.reason, m.stage,
    m.ordering, m.attempts,
    case
      when m.reason = 'behind' and m.ordering = 'blocking' and m.key is not null then 'infinity'
      when m.due_at is not null then to_timestamp(m.due_at / 1000)
      else clock_timestamp() + m.due_in_ms * interval '1 ms'
    end,
    m.error, to_timestamp(m.expires_at / 1000)
  from json_to_recordset(messages) as m(
    "group" text, id text, source text, topic text, version integer, key text, partition integer, headers json,
    content_type text, payload text, created_at double precision, incarnation uuid, sequence bigint, reason text,
    stage text, ordering text, attempts integer, due_at double precision, due_in_ms double precision, error text,
    expires_at double precision
  )
  on conflict (consumer_group, message_id) do nothing;
  for waiting in
    select distinct m."group", m.topic, m.key
    from json_to_recordset(messages) as m("group" text, topic text, key text, reason text, ordering text)
    where m.reason = 'behind' and m.ordering = 'blocking' and m.key is not null
    order by 1, 2, 3
  loop
    perform ${schema}.parked_promote(waiting."group", waiting.topic, waiting.key);
  end loop;
end
$body$`;
}

/** What goes has run or was published, and so a retried dead letter has recovered; if it died again, that follows. */
function remove(schema: string): string {
  return `create function ${schema}.parked_remove(parked_id bigint) returns void language plpgsql volatile as $body$
declare
  gone record;
begin
  delete from ${schema}.parked p where p.id = parked_id
  returning p.consumer_group, p.topic, p.key, p.ordering, p.message_id, p.delivery into gone;
  delete from ${schema}.parked_start s where s.parked_id = parked_remove.parked_id;
  if gone.delivery > 0 then
    update ${schema}.dead_letter d set state = 'recovered'
    where d.consumer_group = gone.consumer_group and d.message_id = gone.message_id
      and d.delivery = gone.delivery and d.state = 'retrying';
  end if;
  if gone.ordering = 'blocking' and gone.key is not null then
    perform ${schema}.parked_promote(gone.consumer_group, gone.topic, gone.key);
  end if;
end
$body$`;
}

/**
 * Those of its key that are due wait `behind` it from now on, so that nobody looks at them again and again meanwhile.
 * Rows that another process has locked are left: it may wait for the key, which is locked here.
 */
function again(schema: string): string {
  return `create function ${schema}.parked_again(
  parked_id bigint, new_reason text, new_stage text, new_attempts integer, due_in_ms double precision, new_error text
) returns void language plpgsql volatile as $body$
declare
  changed record;
begin
  update ${schema}.parked p
  set reason = new_reason, stage = new_stage, attempts = new_attempts, error = new_error,
    due_at = clock_timestamp() + due_in_ms * interval '1 ms'
  where p.id = parked_id
  returning p.consumer_group, p.topic, p.key, p.ordering into changed;
  delete from ${schema}.parked_start s where s.parked_id = parked_again.parked_id;
  if changed.ordering = 'blocking' and changed.key is not null then
    update ${schema}.parked p set reason = 'behind', due_at = 'infinity'
    where new_reason in ('retry', 'unknown') and p.id in (
      select l.id from ${schema}.parked l
      where l.consumer_group = changed.consumer_group and l.topic = changed.topic and l.key = changed.key
        and l.ordering = 'blocking' and l.key is not null and l.id > parked_id and l.reason = 'delayed'
        and l.due_at <= clock_timestamp()
      for update skip locked
    );
    perform ${schema}.parked_promote(changed.consumer_group, changed.topic, changed.key);
  end if;
end
$body$`;
}

import type { Migration } from "../migration.ts";
import { claimAgain, REDELIVERY_COLUMNS } from "./inbox-claim-again.ts";
import { start, START_COLUMNS } from "./inbox-start.ts";

/**
 * What groups have applied: a row per message, which `fold` later moves into one multirange of positions per stream.
 * Positions that are in neither were not applied. Messages without a position keep their row until it is too old; the
 * index by age holds only them, so messages with a position pay nothing for it.
 */
export const inbox: Migration = {
  name: "006_inbox",
  up: ({ schema }) => [
    `create table ${schema}.inbox_stream (
  id bigint generated always as identity primary key,
  consumer_group text not null,
  source text not null,
  incarnation uuid not null,
  topic text not null,
  partition integer not null,
  applied int8multirange not null default '{}',
  constraint inbox_stream_name unique (consumer_group, source, incarnation, topic, partition)
)`,
    `create table ${schema}.inbox (
  consumer_group text not null,
  message_id uuid not null,
  stream_id bigint,
  sequence bigint,
  applied_at timestamptz not null default now(),
  result text,
  constraint inbox_message primary key (consumer_group, message_id)
)`,
    `create unique index inbox_position on ${schema}.inbox (stream_id, sequence) include (applied_at) where stream_id is not null`,
    `create index inbox_age on ${schema}.inbox (applied_at) where stream_id is null`,
    `create table ${schema}.inbox_redelivery (${REDELIVERY_COLUMNS})`,
    `create table ${schema}.inbox_start (${START_COLUMNS})`,
    claim(schema),
    claimAgain(schema),
    record(schema),
    start(schema),
  ],
  down: ({ schema }) => [
    `drop function ${schema}.inbox_started(text, uuid, text, boolean)`,
    `drop function ${schema}.inbox_record(text, uuid)`,
    `drop function ${schema}.inbox_claim_again(text, uuid, integer, text, text, boolean, bigint)`,
    `drop function ${schema}.inbox_claim(text, uuid, text, uuid, text, integer, bigint, text, text, boolean, bigint, bigint)`,
    `drop table ${schema}.inbox_start`,
    `drop table ${schema}.inbox_redelivery`,
    `drop table ${schema}.inbox`,
    `drop table ${schema}.inbox_stream`,
  ],
};

/**
 * Insert first, look afterwards: each statement has a snapshot of its own, so whatever another transaction committed
 * while this one waited for it (the same claim, a fold, a parking) is seen by the statement that follows. Looking first, or
 * in the same statement, lets a duplicate through. A statement costs more than what it does, so there are few: a caller
 * that knows the id of the stream gives it (`known`), and looking at the stream is looking whether it still is that one.
 * If not, the record is taken back and made again under the id that the answer then ends with. What is parked is looked
 * at more closely only where the group has parked anything.
 *
 * Under a stricter isolation level there is one snapshot only: then a share lock on the stream makes a fold that this
 * snapshot does not see an error (serialization failure) instead of a duplicate.
 */
function claim(schema: string): string {
  return `create function ${schema}.inbox_claim(
  of_group text, of_id uuid, of_source text, of_incarnation uuid, of_topic text, of_partition integer,
  of_sequence bigint, of_key text, parked_as text, ordered boolean, running bigint, known bigint
) returns text language plpgsql volatile as $body$
declare
  stream bigint := known;
  answer text;
  folded boolean;
  waiting boolean;
begin
  if ordered and of_key is not null then
    perform pg_advisory_xact_lock(${schema}.key_lock(of_group, of_topic, of_key));
  end if;
  loop
    if of_incarnation is null then
      stream := null;
    elsif stream is null then
      loop
        select s.id into stream from ${schema}.inbox_stream s
        where s.consumer_group = of_group and s.source = of_source and s.incarnation = of_incarnation
          and s.topic = of_topic and s.partition = of_partition;
        exit when found;
        insert into ${schema}.inbox_stream (consumer_group, source, incarnation, topic, partition)
        values (of_group, of_source, of_incarnation, of_topic, of_partition)
        on conflict do nothing returning id into stream;
        exit when found;
      end loop;
    end if;
    if stream is not null and current_setting('transaction_isolation') <> 'read committed' then
      perform 1 from ${schema}.inbox_stream s where s.id = stream for share;
    end if;
    answer := 'claimed';
    insert into ${schema}.inbox (consumer_group, message_id, stream_id, sequence)
    values (of_group, of_id, stream, of_sequence) on conflict do nothing;
    if not found then
      insert into ${schema}.inbox (consumer_group, message_id) values (of_group, of_id) on conflict do nothing;
      if not found then
        return 'duplicate';
      end if;
      answer := 'conflict';
    end if;
    if stream is null then
      folded := false;
      waiting := exists (select from ${schema}.parked p where p.consumer_group = of_group);
      exit;
    end if;
    select s.applied @> of_sequence, exists (select from ${schema}.parked p where p.consumer_group = of_group)
    into folded, waiting
    from ${schema}.inbox_stream s
    where s.id = stream and s.consumer_group = of_group and s.source = of_source and s.incarnation = of_incarnation
      and s.topic = of_topic and s.partition = of_partition;
    exit when found;
    delete from ${schema}.inbox i where i.consumer_group = of_group and i.message_id = of_id;
    stream := null;
  end loop;
  if answer = 'claimed' and folded then
    answer := 'duplicate';
  elsif waiting then
    select
      case
        when exists (
          select from ${schema}.parked p
          where p.consumer_group = of_group and p.message_id = parked_as and p.id is distinct from running
        ) then 'parked'
        when ordered and of_key is not null and exists (
          select from ${schema}.parked p
          where p.consumer_group = of_group and p.topic = of_topic and p.key = of_key and p.ordering = 'blocking'
            and p.key is not null and p.reason in ('retry', 'behind', 'unknown') and (running is null or p.id < running)
        ) then 'behind'
        else answer
      end
    into answer;
  end if;
  if answer in ('duplicate', 'parked', 'behind') then
    delete from ${schema}.inbox i where i.consumer_group = of_group and i.message_id = of_id;
  end if;
  return case when stream is distinct from known and stream is not null then answer || ' ' || stream else answer end;
end
$body$`;
}

/**
 * Records by the id alone. Insert first, look afterwards, as in `inbox_claim`; a row that was deleted in between is
 * inserted again. Under a stricter isolation level, a row that was committed after the snapshot is an error
 * (serialization failure), never a second application.
 */
function record(schema: string): string {
  return `create function ${schema}.inbox_record(of_group text, of_id uuid, out first text, out stored text)
language plpgsql volatile as $body$
begin
  loop
    insert into ${schema}.inbox (consumer_group, message_id) values (of_group, of_id) on conflict do nothing;
    if found then
      first := 'yes';
      return;
    end if;
    select i.result into stored from ${schema}.inbox i where i.consumer_group = of_group and i.message_id = of_id;
    if found then
      first := 'no';
      return;
    end if;
  end loop;
end
$body$`;
}

import { statement, type Statement } from "./statement.ts";

export interface InboxStatements {
  readonly claim: Statement;
  readonly lockKey: Statement;
  readonly insert: Statement;
  readonly look: Statement;
  readonly claimMany: Statement;
  readonly claimAgain: Statement;
  readonly unclaim: Statement;
  readonly unclaimAgain: Statement;
  readonly start: Statement;
  readonly unstart: Statement;
  readonly forgetStarts: Statement;
  readonly record: Statement;
  readonly keepResult: Statement;
  readonly forget: Statement;
  readonly fold: Statement;
}

export function inboxStatements(schema: string): InboxStatements {
  return {
    claim: statement(`select ${schema}.inbox_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`),
    lockKey: statement(`select pg_advisory_xact_lock(${schema}.key_lock($1, $2, $3))`),
    insert: statement(`insert into ${schema}.inbox (consumer_group, message_id, stream_id, sequence)
values ($1, $2, $3, $4) on conflict do nothing`),
    look: statement(look(schema)),
    claimMany: statement(claimMany(schema)),
    claimAgain: statement(`select ${schema}.inbox_claim_again($1, $2, $3, $4, $5, $6, $7)`),
    unclaim: statement(`delete from ${schema}.inbox where consumer_group = $1 and message_id = $2`),
    unclaimAgain: statement(
      `delete from ${schema}.inbox_redelivery where consumer_group = $1 and message_id = $2 and delivery = $3`,
    ),
    start: statement(`select ${schema}.inbox_started($1, $2, $3, $4)`),
    unstart: statement(
      `update ${schema}.inbox_start set starts = starts - 1 where consumer_group = $1 and message_id = $2 and starts > 0`,
    ),
    forgetStarts: statement(
      `delete from ${schema}.inbox_start where consumer_group = $1 and message_id = $2`,
    ),
    record: statement(`select first, stored from ${schema}.inbox_record($1, $2)`),
    keepResult: statement(
      `update ${schema}.inbox set result = $3 where consumer_group = $1 and message_id = $2`,
    ),
    forget: statement(forget(schema), { planEachTime: true }),
    fold: statement(fold(schema), { planEachTime: true }),
  };
}

/** No row where the stream is not the one that it was taken for. */
function look(schema: string): string {
  return `select s.applied @> $2::bigint, exists (select from ${schema}.parked p where p.consumer_group = $3)
from ${schema}.inbox_stream s
where s.id = $1 and s.consumer_group = $3 and s.source = $4 and s.incarnation = $5 and s.topic = $6 and s.partition = $7`;
}

/** One after another, in the order given: the function sees what its calls before recorded. */
function claimMany(schema: string): string {
  return `select ${schema}.inbox_claim($1, m.id, m.source, m.incarnation, m.topic, m.partition, m.sequence, m.key, m.parked_as,
  m.ordered, null, m.stream)
from (
  select * from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::integer[], $7::bigint[], $8::text[], $9::text[],
    $10::boolean[], $11::bigint[]) with ordinality
  as m(id, source, incarnation, topic, partition, sequence, key, parked_as, ordered, stream, place)
  order by place offset 0
) m`;
}

/**
 * One statement: rows leave the inbox and enter the ranges in the same snapshot and commit. What is oldest in a stream
 * has the lowest sequences, so the index on (stream, sequence) finds it, and no further index is paid for.
 */
function fold(schema: string): string {
  return `with old as materialized (
  select i.stream_id, i.sequence
  from ${schema}.inbox_stream s
  cross join lateral (
    select stream_id, sequence, applied_at from ${schema}.inbox
    where stream_id = s.id order by sequence limit $2
  ) i
  where i.applied_at <= now() - $1::float8 * interval '1 ms'
  limit $2
), gone as (
  delete from ${schema}.inbox i using old
  where i.stream_id = old.stream_id and i.sequence = old.sequence
  returning i.stream_id, i.sequence
), ranges as (
  select stream_id, range_agg(int8range(sequence, sequence + 1)) as applied from gone group by stream_id
), folded as (
  update ${schema}.inbox_stream s set applied = s.applied + ranges.applied
  from ranges where s.id = ranges.stream_id
)
select count(*) from gone`;
}

/**
 * By the index on age, which holds rows without a position only. Rows that a transaction is at work on are left. Starts
 * are few: what is in work, and what no broker will deliver again.
 */
function forget(schema: string): string {
  return `with old as materialized (
  select ctid from ${schema}.inbox
  where stream_id is null and applied_at <= now() - $1::float8 * interval '1 ms'
  order by applied_at limit $2
  for update skip locked
), gone as (
  delete from ${schema}.inbox i using old where i.ctid = old.ctid returning 1
), starts as (
  delete from ${schema}.inbox_start where started_at <= now() - $1::float8 * interval '1 ms'
)
select count(*)::text from gone`;
}

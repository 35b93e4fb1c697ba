import { ENVELOPE_COLUMNS } from "./envelope-columns.ts";
import { statement, type Statement } from "./statement.ts";

export interface DeadLetterStatements {
  readonly add: Statement;
  readonly list: Statement;
  readonly groups: Statement;
  readonly wasAnswered: Statement;
  readonly choose: Statement;
  readonly retry: Statement;
  readonly discard: Statement;
  readonly edit: Statement;
  readonly audit: Statement;
  readonly takeGiveUp: Statement;
  readonly gaveUp: Statement;
  readonly giveUpAgain: Statement;
}

export function deadLetterStatements(schema: string): DeadLetterStatements {
  return {
    add: statement(`select ${schema}.dead_letter_add($1)`),
    list: statement(list(schema), { planEachTime: true }),
    groups: statement(groups(schema)),
    wasAnswered: statement(
      `select 1 from ${schema}.dead_letter where consumer_group = $1 and message_id = $2 and answered`,
    ),
    choose: statement(choose(schema), { planEachTime: true }),
    retry: statement(`select ${schema}.dead_letter_retry($1, $2, $3, $4)`),
    discard: statement(`select ${schema}.dead_letter_discard($1, $2, $3)`),
    edit: statement(`select ${schema}.dead_letter_edit($1, $2, $3, $4, $5, $6)`),
    audit: statement(audit(schema), { planEachTime: true }),
    takeGiveUp: statement(takeGiveUp(schema)),
    gaveUp: statement(`update ${schema}.dead_letter
set answered = true, give_up_due_at = null, give_up_error = null where id = $1`),
    giveUpAgain: statement(`update ${schema}.dead_letter
set give_up_attempts = $2, give_up_due_at = clock_timestamp() + $3::float8 * interval '1 ms', give_up_error = $4
where id = $1`),
  };
}

const COLUMNS = `p.id, p.consumer_group, ${ENVELOPE_COLUMNS}, p.ordering, p.state, p.delivery, p.attempts, p.attempts_total,
  p.deaths, p.reason, p.error, p.fingerprint, p.answered, date_part('epoch', p.failing_since),
  date_part('epoch', p.died_at), p.give_up_error`;

/** Planned each time, so that what is not asked for is no condition and the fitting index is used. */
const FILTER = `($1::bigint is null or p.id = $1) and ($2::text is null or p.consumer_group = $2)
  and ($3::text is null or p.topic = $3) and ($4::text is null or p.fingerprint = $4)
  and ($5::text[] is null or p.state = any($5)) and ($6::boolean is null or p.answered = $6)`;

function list(schema: string): string {
  return `select ${COLUMNS}
from ${schema}.dead_letter p
where ${FILTER} and ($7::bigint is null or p.id < $7)
order by p.id desc limit $8`;
}

function groups(schema: string): string {
  return `select g.fingerprint, g.consumer_group, g.topic, g.count, date_part('epoch', g.since), date_part('epoch', g.last),
  e.id, e.message_id, e.key, e.reason, e.error
from (
  select d.fingerprint, min(d.consumer_group) as consumer_group, min(d.topic) as topic, count(*) as count,
    min(d.failing_since) as since, max(d.died_at) as last, max(d.id) as newest
  from (
    select p.id, p.fingerprint, p.consumer_group, p.topic, p.failing_since, p.died_at
    from ${schema}.dead_letter p where p.state = 'dead' order by p.id desc limit $1
  ) d
  group by d.fingerprint
) g
join ${schema}.dead_letter e on e.id = g.newest
order by g.count desc, g.fingerprint collate "C"`;
}

/**
 * Key by key; within a key history by history, the oldest first, in the order of positions, else of sending. The first
 * row is the clock.
 */
function choose(schema: string): string {
  return `select null::bigint, floor(date_part('epoch', clock_timestamp()) * 1000)::bigint
union all
(select c.id, c.delivery
from (
  select p.id, p.delivery, p.consumer_group, p.topic, p.key, p.sequence, p.created_at, p.message_id,
    min(p.created_at) over (partition by p.consumer_group, p.topic, p.key, p.incarnation) as history_began
  from ${schema}.dead_letter p
  where ${FILTER}
) c
order by c.consumer_group, c.topic, c.key, c.history_began, c.sequence, c.created_at, c.message_id
limit $7)`;
}

function audit(schema: string): string {
  return `select a.id, a.act, a.actor, a.reason, date_part('epoch', a.at), a.dead_letter_id, a.consumer_group, a.topic,
  a.message_id, a.delivery, encode(a.before, 'hex'), encode(a.after, 'hex')
from ${schema}.dead_letter_audit a
where $1::bigint is null or a.dead_letter_id = $1
order by a.id desc limit $2`;
}

function takeGiveUp(schema: string): string {
  return `select ${COLUMNS}, p.give_up_attempts
from ${schema}.dead_letter p
where p.consumer_group = '' and p.topic = $1 and p.state = 'dead' and p.give_up_due_at is not null
  and p.give_up_due_at <= statement_timestamp()
order by p.give_up_due_at limit 1
for update of p skip locked`;
}

import { ENVELOPE_COLUMNS } from "./envelope-columns.ts";
import { statement, type Statement } from "./statement.ts";

export interface ParkedStatements {
  readonly add: Statement;
  readonly dueOutgoing: Statement;
  readonly blockedOutgoing: Statement;
  readonly start: Statement;
  readonly unstart: Statement;
  readonly takeDue: Statement;
  readonly takeThis: Statement;
  readonly remove: Statement;
  readonly again: Statement;
  readonly count: Statement;
}

export function parkedStatements(schema: string): ParkedStatements {
  return {
    add: statement(`select ${schema}.parked_add($1)`),
    dueOutgoing: statement(dueOutgoing(schema), { planEachTime: true }),
    blockedOutgoing: statement(`select distinct topic, key from ${schema}.parked
where consumer_group = '' and ordering = 'blocking' and key is not null and reason in ('retry', 'behind', 'unknown')`),
    start: statement(start(schema)),
    unstart: statement(
      `update ${schema}.parked_start set starts = starts - 1 where parked_id = $1 and starts > 0`,
    ),
    takeDue: statement(takeDue(schema)),
    takeThis: statement(takeThis(schema)),
    remove: statement(`select ${schema}.parked_remove($1)`),
    again: statement(`select ${schema}.parked_again($1, $2, $3, $4, $5, $6)`),
    count: statement(`select c.consumer_group, c.reason, count(*)
from (select consumer_group, reason from ${schema}.parked limit $1) c
group by 1, 2 order by 1, 2`),
  };
}

const COLUMNS = `p.id, p.consumer_group, ${ENVELOPE_COLUMNS}, p.reason, p.stage, p.ordering, p.attempts, p.error,
  date_part('epoch', p.expires_at), date_part('epoch', p.parked_at), p.delivery`;

/**
 * Due, and in blocking order the first of its key that is due or holds the key up. Asked as a scalar, for which the
 * planner has nothing but one probe of the index by key for each row: as NOT EXISTS it became a hash join of all rows
 * of a key with each other, minutes for ten thousand due ones.
 */
function runnable(schema: string, group: string): string {
  return `p.consumer_group = ${group} and p.due_at <= statement_timestamp()
  and (p.ordering <> 'blocking' or p.key is null or p.id = (
    select e.id from ${schema}.parked e
    where e.consumer_group = p.consumer_group and e.topic = p.topic and e.key = p.key
      and e.ordering = 'blocking' and e.key is not null
      and (e.reason in ('retry', 'behind', 'unknown') or e.due_at <= statement_timestamp())
    order by e.consumer_group, e.topic, e.key, e.id limit 1
  ))`;
}

/** By due time as the index has it, so that nothing is sorted but what is answered; that in the order of parking. */
function dueOutgoing(schema: string): string {
  return `select null::bigint, (date_part('epoch', statement_timestamp()) * 1000)::text, ${Array.from({ length: 20 }, () => "null").join(", ")}
union all
(select ${COLUMNS}
from (
  select p.* from ${schema}.parked p
  where ${runnable(schema, "''")}
  order by p.due_at limit $1
) p
order by p.id)`;
}

function takeDue(schema: string): string {
  return `select ${COLUMNS}
from ${schema}.parked p
where ${runnable(schema, "$1")}
order by p.due_at, p.id limit 1
for update of p skip locked`;
}

function takeThis(schema: string): string {
  return `select ${COLUMNS}
from ${schema}.parked p
where p.id = $2 and ${runnable(schema, "$1")}
for update of p skip locked`;
}

/**
 * Counts a start of what `takeDue` would take, unless it was counted before and does not run alone ($2). A count need
 * not be on disk before the handler runs: it is about the death of a process, not about that of the database.
 */
function start(schema: string): string {
  return `with due as materialized (
  select p.id from ${schema}.parked p
  where ${runnable(schema, "$1")}
  order by p.due_at, p.id limit 1
  for update of p skip locked
), counted as (
  insert into ${schema}.parked_start as s (parked_id, starts)
  select d.id, 1 from due d
  where $2 or not exists (select 1 from ${schema}.parked_start b where b.parked_id = d.id and b.starts > 0)
  on conflict (parked_id) do update set starts = s.starts + 1
  returning s.starts
)
select d.id, (select starts from counted), set_config('synchronous_commit', 'off', true) from due d`;
}

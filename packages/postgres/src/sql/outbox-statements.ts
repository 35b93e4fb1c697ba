import { LEAF_COUNT } from "@waybill/migrations";
import { statement, type Statement } from "./statement.ts";

export interface OutboxStatements {
  /** By leaf. For JSON without headers that is neither delayed nor expires: the least to bind and to evaluate. */
  readonly appendPlain: readonly Statement[];
  /** By leaf. For a message that is neither delayed nor expires. */
  readonly append: readonly Statement[];
  readonly appendTimed: Statement;
  readonly appendMany: Statement;
  readonly claimDedupKeys: Statement;
  readonly dedupHolders: Statement;
  readonly forgetDedupKeys: Statement;
  readonly lockKeys: Statement;
  readonly openWindow: Statement;
  readonly readWindow: Statement;
  readonly notify: Statement;
}

/** Statements on the outbox of `schema`, a quoted identifier. */
export function outboxStatements(schema: string): OutboxStatements {
  const leaves = Array.from({ length: LEAF_COUNT }, (_, leaf) => leaf);
  return {
    appendPlain: leaves.map((leaf) => statement(appendTo(schema, leaf, PLAIN))),
    append: leaves.map((leaf) => statement(appendTo(schema, leaf, MESSAGE))),
    appendTimed: statement(appendTimed(schema)),
    appendMany: statement(appendMany(schema)),
    claimDedupKeys: statement(claimDedupKeys(schema)),
    dedupHolders: statement(dedupHolders(schema)),
    forgetDedupKeys: statement(forgetDedupKeys(schema)),
    lockKeys: statement(lockKeys(schema)),
    openWindow: statement(openWindow(schema)),
    readWindow: statement(readWindow(schema)),
    notify: statement("select pg_notify($1, '')"),
  };
}

const PLAIN = "topic, version, key, partition, message_id, payload";
const MESSAGE = `${PLAIN}, headers, content_type`;

const COLUMNS = `${MESSAGE}, deliver_at, expires_at`;

/** Straight into a leaf: the way through the parent, and working out which leaf it is, cost as much as an index. */
function appendTo(schema: string, leaf: number, columns: string): string {
  const values = columns.split(", ").map((_, index) => `$${index + 1}`);
  return `insert into ${schema}.outbox_${leaf} (leaf, ${columns}) values (${leaf}, ${values.join(", ")})`;
}

function appendTimed(schema: string): string {
  return `insert into ${schema}.outbox (${COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8,
  coalesce(to_timestamp($9::float8 / 1000), clock_timestamp() + $10::float8 * interval '1 ms'),
  to_timestamp($11::float8 / 1000))`;
}

/** Sorted before the defaults are evaluated, so places are given in the order of the messages. */
function appendMany(schema: string): string {
  return `insert into ${schema}.outbox (${COLUMNS})
select m.topic, m.version, m.key, m.partition, m.id, m.payload, m.headers, m.content_type,
  coalesce(to_timestamp(m.deliver_at / 1000), clock_timestamp() + m.deliver_in_ms * interval '1 ms'),
  to_timestamp(m.expires_at / 1000)
from unnest($1::text[], $2::integer[], $3::text[], $4::smallint[], $5::uuid[], $6::bytea[], $7::json[], $8::text[],
  $9::float8[], $10::float8[], $11::float8[]) with ordinality
  as m(topic, version, key, partition, id, payload, headers, content_type, deliver_at, deliver_in_ms, expires_at, place)
order by m.place`;
}

/** In one order everywhere, so that two senders cannot wait for each other. Answers the ids that came first. */
function claimDedupKeys(schema: string): string {
  return `insert into ${schema}.outbox_dedup (topic, dedup_key, message_id)
select c.topic, c.dedup_key, c.message_id
from unnest($1::text[], $2::text[], $3::uuid[]) with ordinality as c(topic, dedup_key, message_id, place)
order by c.topic collate "C", c.dedup_key collate "C", c.place
on conflict (topic, dedup_key) do nothing
returning message_id`;
}

function dedupHolders(schema: string): string {
  return `select d.message_id
from unnest($1::text[], $2::text[]) with ordinality as c(topic, dedup_key, place)
left join ${schema}.outbox_dedup d on d.topic = c.topic and d.dedup_key = c.dedup_key
order by c.place`;
}

function forgetDedupKeys(schema: string): string {
  return `with old as (
  select d.topic, d.dedup_key from ${schema}.outbox_dedup d
  where d.claimed_at <= now() - $1::float8 * interval '1 ms'
  order by d.claimed_at limit $2 for update skip locked
), gone as (
  delete from ${schema}.outbox_dedup d using old where d.topic = old.topic and d.dedup_key = old.dedup_key returning 1
)
select count(*) from gone`;
}

/** In one order everywhere, so that two senders cannot wait for each other. */
function lockKeys(schema: string): string {
  return `select pg_advisory_xact_lock(k.lock)::text
from (
  select distinct ${schema}.key_lock('outbox', m.topic, m.key) as lock
  from unnest($1::text[], $2::text[]) as m(topic, key)
  order by 1 offset 0
) k`;
}

/**
 * The statement's own facts, as one row whose first column is null: the guard, the snapshot, the clock, the server
 * (start time, timeline, and the epoch in `relay_run`, which is gone after a crash that the postmaster survived), and
 * the newest place of the outbox.
 *
 * The guard is false in a transaction that has an id (its snapshot omits that id) and on a standby (its snapshot lacks
 * what runs on the primary): rows would be lost.
 */
function facts(schema: string, newest: string): string {
  return `select null::bigint, (pg_current_xact_id_if_assigned() is null and not pg_is_in_recovery())::text,
    null::integer, pg_current_snapshot()::text, null::smallint, null::uuid, ${newest},
    pg_postmaster_start_time()::text || ' ' || case
      when pg_is_in_recovery() then 'standby'
      else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
    end || ' ' || coalesce((select r.epoch::text from ${schema}.relay_run r), 'crashed'),
    null::text, date_part('epoch', clock_timestamp()), null::float8, null::float8`;
}

const ROW = `id, topic, version, key, partition, message_id, nullif(headers::text, '{}'), content_type,
    encode(payload, 'hex'), date_part('epoch', created_at), date_part('epoch', deliver_at), date_part('epoch', expires_at)`;

/**
 * $1 the snapshot to start from, $2 the limit, $3 the floor. One statement, and the function that reads is STABLE: so
 * the facts and the rows are of one snapshot.
 */
function openWindow(schema: string): string {
  return `${facts(schema, `(select last_value::text from ${schema}.outbox_id)`)}
union all
select ${ROW} from ${schema}.outbox_open($1, $2, $3)`;
}

/** $1 and $2 the window's snapshots, $3 the place to go on after, $4 the limit. */
function readWindow(schema: string): string {
  return `${facts(schema, "null::text")}
union all
select ${ROW} from ${schema}.outbox_read($1, $2, $3, $4)`;
}

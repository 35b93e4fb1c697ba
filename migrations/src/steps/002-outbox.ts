import type { Migration } from "../migration.ts";
import { LEAF_COUNT, quotedLiteral } from "../migration-options.ts";

/**
 * The append-only outbox: no UPDATE, no DELETE, ever. Defaults are evaluated in the order of the columns, and what
 * the relay proves rests on it: a transaction has its id (`xid`) before it takes a place (`id`). For the same reason
 * the sequence must not cache.
 */
export const outbox: Migration = {
  name: "002_outbox",
  up: ({ schema, leafSeconds }) => [
    `create sequence ${schema}.outbox_id as bigint cache 1`,
    `create table ${schema}.outbox (
  xid xid8 not null default pg_current_xact_id(),
  id bigint not null default nextval(${quotedLiteral(`${schema}.outbox_id`)}::regclass),
  leaf smallint not null default (floor(date_part('epoch', now()) / ${leafSeconds})::bigint % ${LEAF_COUNT})::smallint,
  topic text not null,
  version integer not null,
  key text,
  partition smallint not null,
  message_id uuid not null,
  headers json not null default '{}',
  content_type text not null default 'application/json',
  payload bytea not null,
  deliver_at timestamptz(3),
  expires_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (id, leaf)
) partition by list (leaf)`,
    ...leaves().map(
      (leaf) => `create table ${schema}.outbox_${leaf} partition of ${schema}.outbox for values in (${leaf})`,
    ),
    `create index outbox_xid on ${schema}.outbox (xid)`,
    `create table ${schema}.outbox_dedup (
  topic text not null,
  dedup_key text not null,
  message_id uuid not null,
  claimed_at timestamptz not null default now(),
  constraint outbox_dedup_key primary key (topic, dedup_key)
)`,
    `create index outbox_dedup_age on ${schema}.outbox_dedup (claimed_at)`,
    openWindow(schema),
    readWindow(schema),
  ],
  down: ({ schema }) => [
    `drop function ${schema}.outbox_read(pg_snapshot, pg_snapshot, bigint, bigint)`,
    `drop function ${schema}.outbox_open(pg_snapshot, bigint, bigint)`,
    `drop table ${schema}.outbox_dedup`,
    `drop table ${schema}.outbox`,
    `drop sequence ${schema}.outbox_id`,
  ],
};

function leaves(): number[] {
  return Array.from({ length: LEAF_COUNT }, (_, leaf) => leaf);
}

/**
 * STABLE, so that the statements inside have the snapshot of the statement that calls. The settings are why these are
 * functions: planned once per session, never as a scan of the table, and never compiled (JIT took 600 to 1,000 ms of
 * the planner's wrong guess about a million rows, where the rows themselves take one).
 */
const READING = `language plpgsql stable
set jit = off
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
set plan_cache_mode = force_generic_plan
set work_mem = '32MB'`;

/**
 * The first rows of a window that begins at a snapshot and ends now. `floor` is a place up to which no row has a
 * transaction id from the snapshot's xmax on.
 *
 * Rows of transactions that ran in the snapshot and have committed since are found by the index on xid. So are the
 * rows of later transactions, unless they are more than the limit: then the first of them are read by place, from the
 * floor, which sorts nothing however many there are.
 */
function openWindow(schema: string): string {
  const late = `select o.* from pg_snapshot_xip(since) x(xid)
      cross join lateral (select r.* from ${schema}.outbox r where r.xid = x.xid) o`;
  return `create function ${schema}.outbox_open(since pg_snapshot, rows_max bigint, floor bigint)
returns setof ${schema}.outbox ${READING} as $body$
declare
  next_xid xid8 := pg_snapshot_xmax(since);
  fresh bigint;
begin
  select count(*) into fresh from (
    select 1 from ${schema}.outbox o where o.xid >= next_xid order by o.xid limit rows_max + 1
  ) f;
  if fresh <= rows_max then
    return query select w.* from (
      (select o.* from ${schema}.outbox o where o.xid >= next_xid order by o.xid limit rows_max + 1)
      union all
      (${late})
    ) w order by w.id limit rows_max;
  else
    return query select w.* from (
      (select o.* from ${schema}.outbox o where o.id > floor and o.xid >= next_xid order by o.id limit rows_max)
      union all
      (${late})
    ) w order by w.id limit rows_max;
  end if;
end
$body$`;
}

/** The rows of a window after a place: a scan by place, whatever the size of the window. */
function readWindow(schema: string): string {
  return `create function ${schema}.outbox_read(since pg_snapshot, until pg_snapshot, after_id bigint, rows_max bigint)
returns setof ${schema}.outbox ${READING}
set enable_sort = off
set enable_bitmapscan = off as $body$
begin
  return query select o.* from ${schema}.outbox o
  where o.id > after_id and pg_visible_in_snapshot(o.xid, until) and not pg_visible_in_snapshot(o.xid, since)
  order by o.id limit rows_max;
end
$body$`;
}

import type { Migration } from "../migration.ts";
import { quotedLiteral } from "../migration-options.ts";
import { relayAcquire } from "./relay-acquire.ts";
import { relayApply } from "./relay-apply.ts";

/** A snapshot in which nothing is visible: a window from here skips nothing. */
const SNAPSHOT_OF_NOTHING = "1:1:";

/**
 * The lease of the relay, one row that changes only with the lease, and its progress: append-only in two leaves, a
 * full `base` row and what moved after it, so that an open transaction somewhere makes it no slower.
 *
 * `relay_run` holds the epoch whose relay may trust what it remembers. It is unlogged, so it forgets in every crash of
 * the server, also in one after which the same postmaster goes on: transaction ids that were given but not on disk are
 * given again then, and a snapshot from before the crash would take their rows for rows that it has seen.
 *
 * The first row takes no value of the sequence: with `wal_level = minimal`, values that are taken in the transaction
 * that makes a sequence are given again after a crash.
 */
export const relay: Migration = {
  name: "005_relay",
  up: ({ schema, schemaName }) => [
    `create table ${schema}.relay_lease (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null,
  owner text,
  leased_until timestamptz not null,
  incarnation uuid not null,
  system_identifier bigint not null,
  timeline text not null,
  xid xid8 not null,
  renew_because text
) with (fillfactor = 50)`,
    `insert into ${schema}.relay_lease (epoch, leased_until, incarnation, system_identifier, timeline, xid)
select 0, 'epoch', gen_random_uuid(), c.system_identifier,
  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), pg_current_xact_id()
from pg_control_system() c`,
    `create unlogged table ${schema}.relay_run (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null
)`,
    `create sequence ${schema}.relay_progress_id as bigint cache 1`,
    `create table ${schema}.relay_progress (
  id bigint not null default nextval(${quotedLiteral(`${schema}.relay_progress_id`)}::regclass),
  leaf smallint not null,
  xid xid8 not null default pg_current_xact_id(),
  epoch bigint not null,
  incarnation uuid not null,
  base boolean not null,
  from_snapshot pg_snapshot not null,
  to_snapshot pg_snapshot,
  window_now bigint,
  last_row_id bigint,
  sequences jsonb not null,
  floor_row_id bigint not null,
  at timestamptz not null default clock_timestamp(),
  primary key (id, leaf)
) partition by list (leaf)`,
    `create table ${schema}.relay_progress_0 partition of ${schema}.relay_progress for values in (0)`,
    `create table ${schema}.relay_progress_1 partition of ${schema}.relay_progress for values in (1)`,
    `create index relay_progress_base on ${schema}.relay_progress (id) where base`,
    `insert into ${schema}.relay_progress (id, leaf, epoch, incarnation, base, from_snapshot, sequences, floor_row_id)
select 0, 0, 0, l.incarnation, true, '${SNAPSHOT_OF_NOTHING}', '{}', 0 from ${schema}.relay_lease l`,
    relayAcquire(schema, schemaName, SNAPSHOT_OF_NOTHING),
    relayApply(schema),
  ],
  down: ({ schema }) => [
    `drop function ${schema}.relay_apply(bigint, uuid, pg_snapshot, pg_snapshot, bigint, bigint, jsonb, bigint, json, json, json)`,
    `drop function ${schema}.relay_acquire(text, double precision)`,
    `drop table ${schema}.relay_progress`,
    `drop sequence ${schema}.relay_progress_id`,
    `drop table ${schema}.relay_run`,
    `drop table ${schema}.relay_lease`,
  ],
};

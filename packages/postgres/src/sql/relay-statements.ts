import { statement, type Statement } from "./statement.ts";

export interface RelayStatements {
  readonly acquire: Statement;
  readonly renew: Statement;
  readonly release: Statement;
  readonly verify: Statement;
  readonly rebase: Statement;
  readonly load: Statement;
  readonly apply: Statement;
  readonly rotate: Statement;
  readonly oldLeaf: Statement;
  /** By leaf. */
  readonly lockLeaf: readonly Statement[];
  readonly truncateLeaf: readonly Statement[];
}

const LEAVES = [0, 1];

/**
 * The lease row was written in this database, by the transaction that it names. Every update names a new one, so none
 * may touch a row for which this does not hold: `relay_acquire` must see that it was copied.
 */
const SOUND = "xmin::text::bigint = (xid::text::numeric % 4294967296)::bigint";

export function relayStatements(schema: string): RelayStatements {
  return {
    acquire: statement(
      `select acquired, holder, at_epoch, of_incarnation, because, expires_in_ms from ${schema}.relay_acquire($1, $2)`,
    ),
    renew: statement(`update ${schema}.relay_lease
set leased_until = clock_timestamp() + $3::float8 * interval '1 ms', xid = pg_current_xact_id()
where only_row and epoch = $1 and owner = $2 and ${SOUND} returning 1`),
    release: statement(`update ${schema}.relay_lease
set leased_until = clock_timestamp(), owner = null, xid = pg_current_xact_id()
where only_row and epoch = $1 and owner = $2 and ${SOUND}`),
    verify: statement(`select 1 from ${schema}.relay_lease
where only_row and epoch = $1 and owner = $2 and leased_until > clock_timestamp()`),
    rebase: statement(rebase(schema)),
    load: statement(load(schema)),
    apply: statement(`select ${schema}.relay_apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`),
    rotate: statement(rotate(schema)),
    oldLeaf: statement(oldLeaf(schema)),
    lockLeaf: LEAVES.map((leaf) =>
      statement(`lock table ${schema}.relay_progress_${leaf} in access exclusive mode`),
    ),
    truncateLeaf: LEAVES.map((leaf) => statement(`truncate ${schema}.relay_progress_${leaf}`)),
  };
}

/** Ends every lease (or only that of epoch $2), and has the next one start a new incarnation. */
function rebase(schema: string): string {
  return `update ${schema}.relay_lease l
set renew_because = $1, epoch = l.epoch + 1, owner = null, leased_until = clock_timestamp(),
  xid = case when ${SOUND} and xid < pg_snapshot_xmax(pg_current_snapshot()) then pg_current_xact_id() else '2' end
where l.only_row and ($2::bigint is null or l.epoch = $2)`;
}

/** The newest base row of the incarnation and everything after it, to be folded in this order. */
function load(schema: string): string {
  return `select p.base::text, p.from_snapshot::text, p.to_snapshot::text, p.window_now, p.last_row_id, p.sequences::text,
  p.floor_row_id, p.xid::text
from ${schema}.relay_progress p
where p.incarnation = $1 and p.id >= (
  select b.id from ${schema}.relay_progress b where b.base and b.incarnation = $1 order by b.id desc limit 1
)
order by p.id`;
}

/**
 * Folds the newest base row and what follows it into a new base row in the other leaf, if the lease still has this
 * epoch. Steps go to the leaf of the newest base row from then on, so nothing new is written to the old leaf.
 */
function rotate(schema: string): string {
  return `with lease as materialized (
  select l.epoch, l.incarnation from ${schema}.relay_lease l where l.only_row and l.epoch = $1 for share
), base as materialized (
  select p.id, p.leaf from ${schema}.relay_progress p, lease
  where p.base and p.incarnation = lease.incarnation order by p.id desc limit 1
), steps as materialized (
  select p.* from ${schema}.relay_progress p, base, lease where p.id >= base.id and p.incarnation = lease.incarnation
), newest as (
  select * from steps order by id desc limit 1
), folded as (
  select coalesce(jsonb_object_agg(s.stream, s.next), '{}') as sequences
  from (
    select distinct on (e.key) e.key as stream, e.value as next
    from steps cross join lateral jsonb_each(steps.sequences) e
    order by e.key, steps.id desc
  ) s
)
insert into ${schema}.relay_progress (
  leaf, epoch, incarnation, base, from_snapshot, to_snapshot, window_now, last_row_id, sequences, floor_row_id
)
select 1 - base.leaf, lease.epoch, lease.incarnation, true, newest.from_snapshot, newest.to_snapshot,
  newest.window_now, newest.last_row_id, folded.sequences, newest.floor_row_id
from lease, base, newest, folded
returning leaf`;
}

/** The leaf that can be emptied: the other one than that of the newest base row, if it holds anything older. */
function oldLeaf(schema: string): string {
  return `select 1 - b.leaf
from (select id, leaf from ${schema}.relay_progress where base order by id desc limit 1) b
where exists (select from ${schema}.relay_progress p where p.leaf = 1 - b.leaf)
  and not exists (select from ${schema}.relay_progress p where p.leaf = 1 - b.leaf and p.id > b.id)`;
}

import { LEAF_COUNT } from "@waybill/migrations";
import { statement, type Statement } from "./statement.ts";

export interface PurgeStatements {
  readonly begin: Statement;
  readonly settings: Statement;
  readonly commit: Statement;
  readonly rollback: Statement;
  readonly leaves: Statement;
  /** By leaf. */
  readonly lockLeaf: readonly Statement[];
  readonly judgeLeaf: readonly Statement[];
  readonly truncateLeaf: readonly Statement[];
}

export function purgeStatements(schema: string): PurgeStatements {
  const leaves = Array.from({ length: LEAF_COUNT }, (_, leaf) => leaf);
  return {
    begin: statement("begin isolation level read committed"),
    settings: statement(
      "select set_config('lock_timeout', '50ms', true), set_config('idle_in_transaction_session_timeout', '2s', true)",
    ),
    commit: statement("commit"),
    rollback: statement("rollback"),
    leaves: statement(agesOfLeaves(schema)),
    lockLeaf: leaves.map((leaf) => statement(`lock table ${schema}.outbox_${leaf} in access exclusive mode`)),
    judgeLeaf: leaves.map((leaf) => statement(judge(schema, leaf))),
    truncateLeaf: leaves.map((leaf) => statement(`truncate ${schema}.outbox_${leaf}`)),
  };
}

/** The width of a leaf, and for every leaf that is not written to now: how long ago it was last, milliseconds. */
function agesOfLeaves(schema: string): string {
  return `select s.leaf_seconds * 1000::float8, (e.era % ${LEAF_COUNT})::integer,
  (date_part('epoch', now()) - (e.era + 1) * s.leaf_seconds::float8) * 1000
from ${schema}.settings s,
  generate_series(1, ${LEAF_COUNT - 1}) as back,
  lateral (select floor(date_part('epoch', now()) / s.leaf_seconds)::bigint - back as era) e
order by back desc`;
}

/**
 * Under the lock, when nobody can add to the leaf: whether it holds anything, and whether all of it is settled (visible
 * in the persisted snapshot) and older than $1 milliseconds. Visible is what is below the snapshot's xmax and was not
 * running in it, which the index on xid tells without a look at the rows; a bare comparison with its xmin would keep
 * every leaf for as long as any transaction of the cluster stays open.
 */
function judge(schema: string, leaf: number): string {
  const table = `${schema}.outbox_${leaf}`;
  return `select exists (select from ${table})
  and coalesce((
    select (select max(xid) from ${table}) < pg_snapshot_xmax(settled.snapshot) and not exists (
      select from pg_snapshot_xip(settled.snapshot) as running(xid)
      cross join lateral (
        select from ${table} where xid >= running.xid and xid <= running.xid order by xid limit 1
      ) unsettled
    )
    from (
      select p.from_snapshot as snapshot from ${schema}.relay_progress p, ${schema}.relay_lease l
      where p.incarnation = l.incarnation order by p.id desc limit 1
    ) settled
  ), false)
  and (select o.created_at from ${table} o order by o.id desc limit 1) <= now() - $1::float8 * interval '1 ms'`;
}

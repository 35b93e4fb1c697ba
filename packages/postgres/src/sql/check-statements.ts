import { MIGRATION_TABLE } from "@waybill/migrations";
import { statement, type Statement } from "./statement.ts";

export interface CheckStatements {
  readonly exists: Statement;
  readonly applied: Statement;
  readonly settings: Statement;
  readonly server: Statement;
  readonly sequences: Statement;
  readonly indexes: Statement;
}

export function checkStatements(schema: string): CheckStatements {
  return {
    exists: statement(
      `select 1 where to_regclass('${schema.replaceAll("'", "''")}.${MIGRATION_TABLE}') is not null`,
    ),
    applied: statement(`select name from ${schema}.${MIGRATION_TABLE} order by name collate "C"`),
    settings: statement(
      `select source, partitions, leaf_seconds, date_part('epoch', clock_timestamp()) from ${schema}.settings`,
    ),
    server:
      statement(`select current_setting('server_version_num'), pg_is_in_recovery(), current_setting('fsync'),
  current_setting('full_page_writes')`),
    sequences: statement(`select c.relname
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname in ('outbox_id', 'relay_progress_id')
  and s.seqcache = 1 and s.seqincrement = 1 and not s.seqcycle`),
    indexes: statement(`select c.relname
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and i.indisvalid`),
  };
}

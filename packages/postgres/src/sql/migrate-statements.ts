import { MIGRATION_TABLE, type MigrationContext } from "@waybill/migrations";
import { statement, type Statement } from "./statement.ts";

export interface MigrateStatements {
  readonly lock: Statement;
  readonly exists: Statement;
  readonly applied: Statement;
  readonly owner: Statement;
  readonly record: Statement;
  readonly forget: Statement;
}

export function migrateStatements({ schema }: Pick<MigrationContext, "schema">): MigrateStatements {
  const table = `${schema}.${MIGRATION_TABLE}`;
  const literal = `'${schema.replaceAll("'", "''")}'`;
  return {
    // Of the transaction, not of the session: behind a pooler the unlock would reach another one.
    lock: statement(`select pg_advisory_xact_lock(hashtextextended(${literal}, 7219))`),
    exists: statement(`select 1 where to_regclass('${table.replaceAll("'", "''")}') is not null`),
    applied: statement(`select name, date_part('epoch', migration_time) from ${table} order by id`),
    owner: statement(`select source from ${schema}.settings`),
    record: statement(`insert into ${table} (name, batch, migration_time)
select $1, coalesce(max(batch), 0) + 1, clock_timestamp() from ${table}`),
    forget: statement(`delete from ${table} where name = $1`),
  };
}

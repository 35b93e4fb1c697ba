import type { MigrationContext } from "./migration.ts";

/** Where the applied migrations are recorded, inside the schema, in the format of knex. */
export const MIGRATION_TABLE = "waybill_migrations";

/** How long a migration waits for a lock before it fails, so that it never queues up live traffic behind itself. */
export const LOCK_TIMEOUT_MS = 5_000;

/** Makes the schema and the tables in which knex records migrations, as knex itself would. Can be repeated. */
export function bookkeeping({ schema }: Pick<MigrationContext, "schema">): readonly string[] {
  return [
    `create schema if not exists ${schema}`,
    `create table if not exists ${schema}.${MIGRATION_TABLE} (id serial primary key, name varchar(255), batch integer, migration_time timestamptz)`,
    `create table if not exists ${schema}.${MIGRATION_TABLE}_lock (index serial primary key, is_locked integer)`,
    `insert into ${schema}.${MIGRATION_TABLE}_lock (is_locked) select 0 where not exists (select from ${schema}.${MIGRATION_TABLE}_lock)`,
  ];
}

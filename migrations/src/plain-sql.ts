import { ALL_MIGRATIONS } from "./all-migrations.ts";
import type { Migration } from "./migration.ts";
import { migrationContext, type MigrationOptions } from "./migration-options.ts";
import { downStatements, upStatements } from "./migration-statements.ts";
import { bookkeeping, MIGRATION_TABLE } from "./migration-table.ts";

/**
 * All migrations as one script for `psql -v ON_ERROR_STOP=1` or any other tool: the same statements as the knex
 * migrations, one transaction each, recorded in the same table, so that the ways can be mixed later.
 */
export function plainSql(options: MigrationOptions): string {
  const context = migrationContext(options);
  const record = (migration: Migration): string =>
    `insert into ${context.schema}.${MIGRATION_TABLE} (name, batch, migration_time) values ('${migration.name}', 1, now())`;
  return [
    ...bookkeeping(context).map(terminated),
    ...ALL_MIGRATIONS.map((migration) =>
      transaction(migration.name, [...upStatements(migration, context), record(migration)]),
    ),
  ].join("\n");
}

/** The way back, last migration first. Everything that Waybill recorded goes with it. */
export function plainSqlDown(options: MigrationOptions): string {
  const context = migrationContext(options);
  const forget = (migration: Migration): string =>
    `delete from ${context.schema}.${MIGRATION_TABLE} where name = '${migration.name}'`;
  return ALL_MIGRATIONS.toReversed()
    .map((migration) =>
      transaction(migration.name, [...downStatements(migration, context), forget(migration)]),
    )
    .join("\n");
}

function transaction(name: string, statements: readonly string[]): string {
  return [`\n-- ${name}`, "begin;", ...statements.map(terminated), "commit;"].join("\n");
}

function terminated(statement: string): string {
  return `${statement};`;
}

import type { Knex } from "knex";
import { ALL_MIGRATIONS } from "./all-migrations.ts";
import type { Migration } from "./migration.ts";
import { DEFAULT_SCHEMA, migrationContext, type MigrationOptions } from "./migration-options.ts";
import { downStatements, upStatements } from "./migration-statements.ts";
import { bookkeeping, MIGRATION_TABLE } from "./migration-table.ts";

/** Waybill's migrations for `knex.migrate`, each with up and down, each in a transaction. */
export function migrationSource(options: MigrationOptions): Knex.MigrationSource<Migration> {
  const context = migrationContext(options);
  return {
    getMigrations: async () => [...ALL_MIGRATIONS],
    getMigrationName: (migration) => migration.name,
    getMigration: async (migration) => ({
      up: (knex) => runAll(knex, upStatements(migration, context)),
      down: (knex) => runAll(knex, downStatements(migration, context)),
    }),
  };
}

/**
 * The configuration for `knex.migrate.latest` and its siblings: Waybill's migrations and a migration table of their
 * own inside the schema, so that they never mix with the application's. The schema must exist: `prepareSchema`.
 */
export function knexMigrations(options: MigrationOptions): Knex.MigratorConfig {
  return {
    migrationSource: migrationSource(options),
    tableName: MIGRATION_TABLE,
    schemaName: options.schema ?? DEFAULT_SCHEMA,
  };
}

/** Makes the schema and the migration table, which knex does not do by itself. Can be repeated. */
export async function prepareSchema(knex: Knex, options: MigrationOptions): Promise<void> {
  await runAll(knex, bookkeeping(migrationContext(options)));
}

async function runAll(knex: Knex, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await knex.raw(statement);
}

export { ALL_MIGRATIONS } from "./all-migrations.ts";
export { grantStatements } from "./grants.ts";
export type { GrantOptions } from "./grants.ts";
export type { Migration, MigrationContext } from "./migration.ts";
export {
  DEFAULT_LEAF_SECONDS,
  DEFAULT_PARTITIONS,
  DEFAULT_SCHEMA,
  LEAF_COUNT,
  migrationContext,
  quotedIdentifier,
} from "./migration-options.ts";
export type { MigrationOptions } from "./migration-options.ts";
export { knexMigrations, migrationSource, prepareSchema } from "./migration-source.ts";
export { downStatements, upStatements } from "./migration-statements.ts";
export { bookkeeping, MIGRATION_TABLE } from "./migration-table.ts";
export { plainSql, plainSqlDown } from "./plain-sql.ts";

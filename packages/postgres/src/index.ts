export { inTransaction, pgTransaction } from "./connection/pg-transaction.ts";
export type { PgTransaction } from "./connection/pg-transaction.ts";
export { migrate, migrateDown, migrationStatus } from "./migrate/migrate.ts";
export type { MigrateOptions, MigrationStatus } from "./migrate/migrate.ts";
export type { MigrationTarget } from "./migrate/migration-target.ts";
export { rebase } from "./rebase/rebase.ts";
export type { RebaseOptions } from "./rebase/rebase.ts";
export { postgresStorage } from "./postgres-storage.ts";
export type { KnexStorageOptions, PoolStorageOptions, PostgresOptions } from "./postgres-storage.ts";

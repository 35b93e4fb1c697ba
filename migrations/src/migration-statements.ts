import type { Migration, MigrationContext } from "./migration.ts";
import { ALL_MIGRATIONS } from "./all-migrations.ts";
import { LOCK_TIMEOUT_MS } from "./migration-table.ts";

/**
 * The statements of one migration, to be run in one transaction: it gives up waiting for a lock after 5 s, and
 * every migration but the first refuses a schema of another source.
 */
export function upStatements(migration: Migration, context: MigrationContext): readonly string[] {
  const first = migration === ALL_MIGRATIONS[0];
  const guard = first ? [] : [`select ${context.schema}.assert_source(${context.source})`];
  return [lockTimeout(), ...guard, ...migration.up(context)];
}

/** The statements that take one migration back, to be run in one transaction. Its tables and what is in them go. */
export function downStatements(migration: Migration, context: MigrationContext): readonly string[] {
  return [
    lockTimeout(),
    `select ${context.schema}.assert_source(${context.source})`,
    ...migration.down(context),
  ];
}

function lockTimeout(): string {
  return `set local lock_timeout = ${LOCK_TIMEOUT_MS}`;
}

import { WaybillError } from "@waybill/core";
import {
  ALL_MIGRATIONS,
  bookkeeping,
  downStatements,
  migrationContext,
  upStatements,
  type MigrationContext,
} from "@waybill/migrations";
import type { ClientBase } from "pg";
import { z } from "zod";
import { mismatch } from "../check/check-settings.ts";
import { statementError } from "../connection/driver-error.ts";
import { run, type Connection } from "../connection/run.ts";
import { migrateStatements, type MigrateStatements } from "../sql/migrate-statements.ts";
import { withMigrationClient, type MigrationTarget } from "./migration-target.ts";

export interface MigrateOptions {
  /** The service that owns the outbox. */
  readonly source: string;
  /** Default `waybill`. */
  readonly schema?: string;
  /** Default 32. Fixed for good by the first migration. */
  readonly partitions?: number;
  /** Default 129 600 (1.5 days). Fixed for good by the first migration. */
  readonly leafSeconds?: number;
}

export interface MigrationStatus {
  readonly name: string;
  /** Milliseconds since the epoch; `null` while it is pending. */
  readonly appliedAt: number | null;
}

const optionsSchema = z.strictObject({
  source: z.string(),
  schema: z.string().optional(),
  partitions: z.number().optional(),
  leafSeconds: z.number().optional(),
});

/**
 * Brings the schema up to date and answers the names of what this call applied: nothing, when nothing was pending. Each
 * migration is one transaction that runs alone, so several processes may migrate at once, also behind a pooler; none
 * waits longer than 5 s for a lock. Needs only `pg`; the records are those of knex, so `knex.migrate` can take over at
 * any time.
 *
 * @throws WaybillError `OPTIONS_INVALID`, `STORAGE_UNAVAILABLE`, `SOURCE_MISMATCH`, or `STORAGE_FAILED` naming the
 * migration that failed: it left nothing behind, those before it stand.
 */
export async function migrate(target: MigrationTarget, options: MigrateOptions): Promise<readonly string[]> {
  return migrating(target, options, async (parts) => {
    const { client, context, sql } = parts;
    await alone(parts, () => script(client, bookkeeping(context), "preparing the schema"));
    const applied: string[] = [];
    for (const migration of ALL_MIGRATIONS) {
      const doing = `migration ${migration.name}`;
      await alone(parts, async () => {
        if ((await ownNames(parts)).has(migration.name)) return;
        await script(client, upStatements(migration, context), doing);
        await run(plain(client), sql.record, [migration.name]);
        applied.push(migration.name);
      });
    }
    return applied;
  });
}

/**
 * Takes every migration back, the last one first, and answers the names of what this call took back. Everything that
 * Waybill recorded is gone then. Throws like `migrate`.
 */
export async function migrateDown(
  target: MigrationTarget,
  options: MigrateOptions,
): Promise<readonly string[]> {
  return migrating(target, options, async (parts) => {
    const { client, context, sql } = parts;
    const gone: string[] = [];
    if (!(await hasTable(client, sql))) return gone;
    for (const migration of ALL_MIGRATIONS.toReversed()) {
      const doing = `migration ${migration.name}`;
      await alone(parts, async () => {
        if (!(await ownNames(parts)).has(migration.name)) return;
        await script(client, downStatements(migration, context), doing);
        await run(plain(client), sql.forget, [migration.name]);
        gone.push(migration.name);
      });
    }
    return gone;
  });
}

/** Every migration and when it was applied. Changes nothing. Throws like `migrate`. */
export async function migrationStatus(
  target: MigrationTarget,
  options: { readonly schema?: string } = {},
): Promise<readonly MigrationStatus[]> {
  const context = contextOf({ source: "any", ...options });
  const sql = migrateStatements(context);
  return withMigrationClient(target, async (client) => {
    const rows = (await hasTable(client, sql)) ? await run(plain(client), sql.applied, []) : [];
    const times = new Map(rows.map(([name, at]) => [name, Math.round(Number(at) * 1000)]));
    return ALL_MIGRATIONS.map(({ name }) => ({ name, appliedAt: times.get(name) ?? null }));
  });
}

interface Migrating {
  readonly client: ClientBase;
  readonly context: MigrationContext;
  readonly sql: MigrateStatements;
  readonly source: string;
}

async function migrating<T>(
  target: MigrationTarget,
  options: MigrateOptions,
  work: (parts: Migrating) => Promise<T>,
): Promise<T> {
  const context = contextOf(options);
  const sql = migrateStatements(context);
  const { source } = options;
  return withMigrationClient(target, (client) => work({ client, context, sql, source }));
}

function contextOf(options: MigrateOptions): MigrationContext {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw new WaybillError("OPTIONS_INVALID", `migrate: ${z.prettifyError(parsed.error)}`);
  try {
    return migrationContext(options);
  } catch (error) {
    throw new WaybillError(
      "OPTIONS_INVALID",
      `migrate: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Runs `work` in a transaction, while no other process migrates this schema. */
async function alone({ client, sql }: Migrating, work: () => Promise<void>): Promise<void> {
  await script(client, ["begin isolation level read committed"], "migrating");
  try {
    await run(plain(client), sql.lock, []);
    await work();
    await script(client, ["commit"], "migrating");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function script(client: ClientBase, statements: readonly string[], doing: string): Promise<void> {
  for (const statement of statements) {
    try {
      await client.query(statement);
    } catch (error) {
      const failed = statementError(error);
      if (failed.code !== "STORAGE_FAILED") throw failed;
      throw new WaybillError("STORAGE_FAILED", `${doing} failed and was rolled back: ${failed.message}`, {
        cause: error,
      });
    }
  }
}

/** What is applied, once it is known that the schema is ours. */
async function ownNames({ client, sql, source }: Migrating): Promise<ReadonlySet<string>> {
  const rows = await run(plain(client), sql.applied, []);
  if (rows.length > 0) {
    const [row] = await run(plain(client), sql.owner, []);
    const owner = row?.[0] ?? "";
    if (owner !== source) throw mismatch(owner, source);
  }
  return new Set(rows.map(([name]) => name ?? ""));
}

async function hasTable(client: ClientBase, sql: MigrateStatements): Promise<boolean> {
  return (await run(plain(client), sql.exists, [])).length > 0;
}

function plain(client: ClientBase): Connection {
  return { client, prepare: false, strict: false };
}

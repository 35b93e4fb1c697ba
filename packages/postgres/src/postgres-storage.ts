import { WaybillError, type SqlTransaction, type Storage } from "@waybill/core";
import { DEFAULT_SCHEMA, quotedIdentifier } from "@waybill/migrations";
import type { Knex } from "knex";
import type { Pool } from "pg";
import { z } from "zod";
import { checkSchema } from "./check/check-schema.ts";
import { checkSettings } from "./check/check-settings.ts";
import type { Database } from "./connection/database.ts";
import { withForeign } from "./connection/foreign-database.ts";
import { knexDatabase } from "./connection/knex-database.ts";
import type { PgTransaction } from "./connection/pg-transaction.ts";
import { poolDatabase } from "./connection/pool-database.ts";
import { PostgresDeadLetters } from "./dead-letters/postgres-dead-letters.ts";
import { PostgresInbox } from "./inbox/postgres-inbox.ts";
import { PostgresJobs } from "./jobs/postgres-jobs.ts";
import { Floors } from "./outbox/floors.ts";
import { PostgresOutbox } from "./outbox/postgres-outbox.ts";
import { PostgresParked } from "./parked/postgres-parked.ts";
import type { Parts } from "./parts.ts";
import { PostgresRelayStore } from "./relay/postgres-relay-store.ts";
import { allStatements } from "./sql/all-statements.ts";

/** What both ways in share. */
export interface PostgresOptions {
  /** Where Waybill's tables are. Default `waybill`. */
  readonly schema?: string;
  /**
   * Prepares each statement once per connection. Default true. Turn it off behind a pooler that gives every transaction
   * another session without keeping track of prepared statements, such as PgBouncer before 1.21.
   */
  readonly prepare?: boolean;
}

export interface KnexStorageOptions extends PostgresOptions {
  /** Your instance on PostgreSQL. Waybill never destroys it. */
  readonly knex: Knex;
}

export interface PoolStorageOptions extends PostgresOptions {
  /** Your pool. Waybill never ends it. */
  readonly pool: Pool;
}

const optionsSchema = z.strictObject({
  knex: z
    .custom<Knex>((value) => typeof value === "function" && "client" in value, "a knex instance")
    .optional(),
  pool: z.custom<Pool>(isPool, "a pg Pool").optional(),
  schema: z.string().default(DEFAULT_SCHEMA),
  prepare: z.boolean().default(true),
});

/**
 * Waybill's storage in your PostgreSQL (14 or newer): messages are recorded in your own transactions, so they exist if
 * and only if those commit. Connects to nothing by itself, and works with a pool of one connection. `send` and
 * `inbox.once` also take the transactions of other libraries, as `fromDrizzle`, `fromKysely` and `fromPrisma` make them.
 *
 * @throws WaybillError `OPTIONS_INVALID`. Whether the database fits is what `check` answers.
 */
export function postgresStorage(options: KnexStorageOptions): Storage<Knex.Transaction>;
export function postgresStorage(options: PoolStorageOptions): Storage<PgTransaction>;
export function postgresStorage(
  options: KnexStorageOptions | PoolStorageOptions,
): Storage<Knex.Transaction> | Storage<PgTransaction> {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error), parsed.error);
  const { knex, pool, schema, prepare } = parsed.data;
  if (knex !== undefined && pool === undefined) return storageOn(knexDatabase(knex, prepare), schema);
  if (pool !== undefined && knex === undefined) return storageOn(poolDatabase(pool, prepare), schema);
  throw invalid("give either knex or pool");
}

function storageOn<Tx>(own: Database<Tx>, schema: string): Storage<Tx> {
  try {
    quotedIdentifier(schema);
  } catch (error) {
    throw invalid(`schema: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  const database = withForeign(own);
  const parts: Parts<Tx | SqlTransaction> = {
    database,
    schema,
    sql: allStatements(schema),
    floors: new Floors(),
  };
  const outbox = new PostgresOutbox(parts);
  const inbox = new PostgresInbox(parts);
  return {
    name: database.name,
    outbox,
    relay: new PostgresRelayStore(parts),
    parked: new PostgresParked(parts),
    inbox,
    deadLetters: new PostgresDeadLetters(parts),
    jobs: new PostgresJobs(parts),
    check: (source) =>
      database.connected(async (connection) => {
        const { settings } = await checkSettings(connection, parts.sql, source);
        await checkSchema(connection, parts);
        return settings;
      }),
    transaction: (work, { signal } = {}) => own.transaction(work, signal),
    claimed: (request, work, options = {}) =>
      own.opened(inbox.firstOf(request), (tx, rows) => work(tx, inbox.claimOf(request, rows)), options),
    // In a foreign transaction the savepoint is one of the same kind.
    savepoint: (tx, work, { signal } = {}) =>
      database.savepoint(tx, work as (inner: Tx | SqlTransaction) => ReturnType<typeof work>, signal),
    [Symbol.asyncDispose]: () => outbox.dispose(),
  };
}

function isPool(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "connect" in value &&
    "totalCount" in value &&
    "options" in value
  );
}

function invalid(detail: string, cause?: unknown): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `postgresStorage: ${detail}`, { cause });
}

import { WaybillError } from "@waybill/core";
import { DEFAULT_SCHEMA, quotedIdentifier } from "@waybill/migrations";
import { z } from "zod";
import { checkSettings } from "../check/check-settings.ts";
import { run } from "../connection/run.ts";
import { withMigrationClient, type MigrationTarget } from "../migrate/migration-target.ts";
import { allStatements, type AllStatements } from "../sql/all-statements.ts";

export interface RebaseOptions {
  /** The service that owns the outbox. */
  readonly source: string;
  /** Default `waybill`. */
  readonly schema?: string;
}

const optionsSchema = z.strictObject({ source: z.string(), schema: z.string().default(DEFAULT_SCHEMA) });

const BECAUSE = "waybill rebase was run";

/**
 * Has the next relay start a new incarnation: positions begin anew, so that no message sent from now on is taken for
 * one of a history that is gone, and everything that is not settled is published again, recognised by its id. Run it
 * after a restore that the database cannot notice by itself (a disk snapshot, a copied data directory), and to make a
 * logical replica the successor: then it also moves the sequences behind their rows. A relay that runs loses its lease.
 *
 * Needs the rights of the tables' owner. Can be repeated; on a sound database it costs a second publish of what is
 * under way, and nothing else.
 *
 * @throws WaybillError `OPTIONS_INVALID`, `STORAGE_UNAVAILABLE`, `MIGRATIONS_MISSING`, `MIGRATIONS_OUTDATED`,
 * `SOURCE_MISMATCH`, or `SCHEMA_UNSAFE` while a subscription still writes to the tables
 */
export async function rebase(target: MigrationTarget, options: RebaseOptions): Promise<void> {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw new WaybillError("OPTIONS_INVALID", `rebase: ${z.prettifyError(parsed.error)}`);
  const { source, schema } = parsed.data;
  const sql = statementsOf(schema);
  await withMigrationClient(target, async (client) => {
    const connection = { client, prepare: false, strict: false };
    await checkSettings(connection, sql, source);
    const subscribed = await run(connection, sql.rebase.subscriptions, [schema]);
    if (subscribed.length > 0) throw stillSubscribed(subscribed.map(([name]) => name ?? ""));
    await run(connection, sql.rebase.raiseSequences, []);
    await run(connection, sql.relay.rebase, [BECAUSE, null]);
  });
}

function statementsOf(schema: string): AllStatements {
  try {
    quotedIdentifier(schema);
  } catch (error) {
    throw new WaybillError("OPTIONS_INVALID", `rebase: schema: ${String(error)}`, { cause: error });
  }
  return allStatements(schema);
}

function stillSubscribed(names: readonly string[]): WaybillError {
  const message = `The subscription ${names.join(", ")} still writes to Waybill's tables, and what it brings would be taken for sent: drop it, then rebase.`;
  return new WaybillError("SCHEMA_UNSAFE", message);
}

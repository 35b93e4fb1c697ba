import { WaybillError, type StorageSettings } from "@waybill/core";
import { ALL_MIGRATIONS } from "@waybill/migrations";
import { run, type Connection, type SqlConnection } from "../connection/run.ts";
import type { AllStatements } from "../sql/all-statements.ts";
import { msOf, present } from "../text.ts";

const MIGRATE = "run: npx waybill migrate up";

/** What the schema was made for, and the server's clock. */
export interface SchemaSettings {
  readonly settings: StorageSettings;
  /** For how long one leaf of the outbox is written to before the next one is. */
  readonly leafSeconds: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * Reads what the schema was made for. Needs no more rights than a producer has.
 *
 * @param source the source that must own the schema; `null` to ask whose it is
 * @throws WaybillError `MIGRATIONS_MISSING`, `MIGRATIONS_OUTDATED`, `SOURCE_MISMATCH`
 */
export async function checkSettings(
  connection: Connection | SqlConnection,
  sql: AllStatements,
  source: string | null,
): Promise<SchemaSettings> {
  const exists = await run(connection, sql.check.exists, []);
  if (exists.length === 0) throw missing();
  const applied = new Set((await run(connection, sql.check.applied, [])).map(([name]) => present(name)));
  if (applied.size === 0) throw missing();
  const lacking = ALL_MIGRATIONS.filter(({ name }) => !applied.delete(name)).map(({ name }) => name);
  if (lacking.length > 0) {
    throw new WaybillError("MIGRATIONS_OUTDATED", `Waybill's schema lacks ${lacking.join(", ")}; ${MIGRATE}`);
  }
  if (applied.size > 0) {
    const message = `Waybill's schema is newer than this package, which does not know ${[...applied].join(", ")}: update @waybill/postgres.`;
    throw new WaybillError("MIGRATIONS_OUTDATED", message);
  }
  const [row] = await run(connection, sql.check.settings, []);
  const settings = { source: present(row?.[0]), partitions: Number(row?.[1]) };
  if (source !== null && settings.source !== source) throw mismatch(settings.source, source);
  return { settings, leafSeconds: Number(row?.[2]), nowMs: msOf(present(row?.[3])) };
}

function missing(): WaybillError {
  return new WaybillError("MIGRATIONS_MISSING", `Waybill's tables are missing from the database; ${MIGRATE}`);
}

/** The schema belongs to another source. */
export function mismatch(owner: string, wanted: string): WaybillError {
  const message = `The schema belongs to source "${owner}", not "${wanted}": each source has an outbox of its own. Use another schema, or the right source.`;
  return new WaybillError("SOURCE_MISMATCH", message);
}

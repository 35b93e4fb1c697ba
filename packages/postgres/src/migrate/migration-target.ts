import { WaybillError } from "@waybill/core";
import type { Knex } from "knex";
import type { Client, ClientBase, Pool } from "pg";
import { knexDatabase } from "../connection/knex-database.ts";
import { poolDatabase } from "../connection/pool-database.ts";
import { unavailable } from "../connection/driver-error.ts";

/** Where to migrate: a pool, a knex instance, or a connection string (then `pg` must be installed). */
export type MigrationTarget =
  { readonly pool: Pool } | { readonly knex: Knex } | { readonly connectionString: string };

/** Runs `work` on one connection of the target. */
export async function withMigrationClient<T>(
  target: MigrationTarget,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  if ("pool" in target) return poolDatabase(target.pool, false).connected(({ client }) => work(client));
  if ("knex" in target) return knexDatabase(target.knex, false).connected(({ client }) => work(client));
  const { Client } = await importPg();
  const client = new Client({ connectionString: target.connectionString });
  client.on("error", () => undefined);
  try {
    await client.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function importPg(): Promise<{ readonly Client: typeof Client }> {
  try {
    const { default: pg } = await import("pg");
    return pg;
  } catch (error) {
    throw new WaybillError(
      "OPTIONS_INVALID",
      "migrate: a connectionString needs the package pg; install it, or give a pool.",
      { cause: error },
    );
  }
}

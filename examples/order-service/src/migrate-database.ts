import { migrate } from "@waybill/postgres";
import type { Knex } from "knex";
import { fileURLToPath } from "node:url";
import { SOURCE } from "./source.ts";

const OWN_MIGRATIONS = {
  directory: fileURLToPath(new URL("../migrations", import.meta.url)),
  loadExtensions: [".ts"],
  tableName: "order_service_migrations",
};

/** Makes or updates Waybill's tables and the service's own. Each keep their records apart. */
export async function migrateDatabase(knex: Knex): Promise<void> {
  await migrate({ knex }, { source: SOURCE });
  await knex.migrate.latest(OWN_MIGRATIONS);
}

// Brings the database up to date. Run before server and worker start.
import { readConfig } from "./config.ts";
import { migrateDatabase } from "./migrate-database.ts";
import { openDatabase } from "./open-database.ts";

const knex = openDatabase(readConfig().databaseUrl, 2);
try {
  await migrateDatabase(knex);
} finally {
  await knex.destroy();
}

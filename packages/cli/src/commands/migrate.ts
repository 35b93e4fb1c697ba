import { Command } from "commander";
import { migrateDownCommand } from "./migrate-down.ts";
import { migrateGrantsCommand } from "./migrate-grants.ts";
import { migrateSqlCommand } from "./migrate-sql.ts";
import { migrateStatusCommand } from "./migrate-status.ts";
import { migrateUpCommand } from "./migrate-up.ts";

const EXAMPLES = `
Examples:
  waybill migrate up --source orders --database-url postgres://localhost/shop
  waybill migrate status                             (DATABASE_URL is the default)
  waybill migrate sql --source orders > waybill.sql  (for your own migration tool)
  waybill migrate grants --producer shop_app --worker shop_worker | psql "$DATABASE_URL"`;

/** `waybill migrate …`: Waybill's tables. */
export function migrateCommand(): Command {
  return new Command("migrate")
    .description("Waybill's tables in your database")
    .addCommand(migrateUpCommand())
    .addCommand(migrateStatusCommand())
    .addCommand(migrateSqlCommand())
    .addCommand(migrateGrantsCommand())
    .addCommand(migrateDownCommand())
    .addHelpText("after", EXAMPLES);
}

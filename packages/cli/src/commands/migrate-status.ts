import { migrationStatus } from "@waybill/postgres";
import { Command } from "commander";
import { databaseUrlOption, schemaOption } from "../options.ts";

interface StatusOptions {
  readonly databaseUrl: string;
  readonly schema: string;
}

/** `waybill migrate status`: what was applied when. Exit code 1 while something is pending. */
export function migrateStatusCommand(): Command {
  return new Command("status")
    .description("show which migrations were applied; exits with 1 while any is pending")
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .action(status);
}

async function status({ databaseUrl, schema }: StatusOptions): Promise<void> {
  const all = await migrationStatus({ connectionString: databaseUrl }, { schema });
  for (const { name, appliedAt } of all) {
    console.log(
      `${name.padEnd(20)} ${appliedAt === null ? "pending" : `applied ${new Date(appliedAt).toISOString()}`}`,
    );
  }
  const pending = all.filter(({ appliedAt }) => appliedAt === null).length;
  if (pending === 0) return console.log(`Schema ${schema} is up to date.`);
  console.log(`${pending} of ${all.length} pending; run: waybill migrate up`);
  process.exitCode = 1;
}

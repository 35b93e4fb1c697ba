import { migrate } from "@waybill/postgres";
import { Command } from "commander";
import { databaseUrlOption, partitionsOption, schemaOption, sourceOption } from "../options.ts";

interface UpOptions {
  readonly databaseUrl: string;
  readonly schema: string;
  readonly source: string;
  readonly partitions: number;
}

/** `waybill migrate up`: brings the schema up to date. */
export function migrateUpCommand(): Command {
  return new Command("up")
    .description("create the tables, or bring them up to date; safe to repeat and on a live database")
    .addOption(sourceOption())
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addOption(partitionsOption())
    .action(up);
}

async function up({ databaseUrl, schema, source, partitions }: UpOptions): Promise<void> {
  const applied = await migrate({ connectionString: databaseUrl }, { source, schema, partitions });
  for (const name of applied) console.log(`applied ${name}`);
  console.log(
    applied.length === 0
      ? `Schema ${schema} is up to date.`
      : `Schema ${schema} is ready for source ${source}.`,
  );
}

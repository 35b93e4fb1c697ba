import { migrateDown } from "@waybill/postgres";
import { Command, Option } from "commander";
import { databaseUrlOption, schemaOption, sourceOption } from "../options.ts";

interface DownOptions {
  readonly databaseUrl: string;
  readonly schema: string;
  readonly source: string;
}

/** `waybill migrate down`: takes everything back. */
export function migrateDownCommand(): Command {
  return new Command("down")
    .description("drop all tables, and with them every message, inbox record and dead letter")
    .addOption(sourceOption())
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addOption(new Option("--yes", "yes, drop everything that Waybill recorded").makeOptionMandatory())
    .action(down);
}

async function down({ databaseUrl, schema, source }: DownOptions): Promise<void> {
  const gone = await migrateDown({ connectionString: databaseUrl }, { source, schema });
  for (const name of gone) console.log(`took back ${name}`);
  console.log(
    gone.length === 0 ? `Schema ${schema} has no tables of Waybill.` : `Schema ${schema} is empty.`,
  );
}

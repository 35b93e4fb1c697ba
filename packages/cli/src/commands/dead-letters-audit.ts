import { Command, Option } from "commander";
import { auditTable, toJson } from "../dead-letters/print.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, limitOption, schemaOption, wholeNumber } from "../options.ts";

interface AuditCommandOptions extends DatabaseOptions {
  readonly id?: number;
  readonly limit: number;
  readonly json: boolean;
}

/** `waybill dead-letters audit`: who did what, when and why. */
export function deadLettersAuditCommand(): Command {
  return new Command("audit")
    .description("list what operators did, the newest first")
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addOption(new Option("--id <id>", "to this dead letter").argParser(wholeNumber))
    .addOption(limitOption(50, 1_000))
    .addOption(jsonOption())
    .action(audit);
}

async function audit({ id, limit, json, ...database }: AuditCommandOptions): Promise<void> {
  const rows = await withDeadLetters(database, (deadLetters) =>
    deadLetters.audit({ limit, ...(id === undefined ? {} : { id }) }),
  );
  if (json) return console.log(toJson(rows));
  console.log(rows.length === 0 ? "Nothing was done." : auditTable(rows));
}

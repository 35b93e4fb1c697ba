import { Command } from "commander";
import { groupsTable, toJson } from "../dead-letters/print.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, schemaOption } from "../options.ts";

/** `waybill dead-letters groups`: equal failures together. */
export function deadLettersGroupsCommand(): Command {
  return new Command("groups")
    .description("count equal failures, the most frequent first, each with an example")
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addOption(jsonOption())
    .action(groups);
}

async function groups({ json, ...database }: DatabaseOptions & { readonly json: boolean }): Promise<void> {
  const found = await withDeadLetters(database, (deadLetters) => deadLetters.groups());
  if (json) return console.log(toJson(found));
  console.log(found.length === 0 ? "No dead letters." : groupsTable(found));
}

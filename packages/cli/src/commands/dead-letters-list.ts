import { Command, Option } from "commander";
import { lettersTable, summaryOf, toJson } from "../dead-letters/print.ts";
import { addFilterOptions, filterOf, type FilterOptions } from "../dead-letters/selection.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, limitOption, schemaOption, wholeNumber } from "../options.ts";

interface ListOptions extends DatabaseOptions, FilterOptions {
  readonly state: "dead" | "retrying" | "recovered" | "discarded" | "any";
  readonly limit: number;
  readonly after?: number;
  readonly json: boolean;
}

/** `waybill dead-letters list`: one line each, the newest first. */
export function deadLettersListCommand(): Command {
  const command = new Command("list")
    .description("list dead letters, the newest first")
    .addOption(databaseUrlOption())
    .addOption(schemaOption());
  return addFilterOptions(command)
    .addOption(
      new Option("--state <state>", "what has become of them")
        .choices(["dead", "retrying", "recovered", "discarded", "any"])
        .default("dead"),
    )
    .addOption(limitOption(50, 1_000))
    .addOption(new Option("--after <id>", "go on behind this one").argParser(wholeNumber))
    .addOption(jsonOption())
    .action(list);
}

async function list({ state, limit, after, json, ...options }: ListOptions): Promise<void> {
  const page = { ...filterOf(options), state, limit, ...(after === undefined ? {} : { after }) };
  const letters = await withDeadLetters(options, (deadLetters) => deadLetters.list(page));
  if (json) return console.log(toJson(letters.map(summaryOf)));
  console.log(letters.length === 0 ? "No dead letters." : lettersTable(letters));
  if (letters.length === limit) console.log(`Go on with: --after ${letters.at(-1)?.deadLetterId}`);
}

import { Argument, Command } from "commander";
import { currentUser, printActed, printPreview } from "../dead-letters/act.ts";
import { addFilterOptions, selectionOf, type FilterOptions } from "../dead-letters/selection.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, limitOption, schemaOption, wholeNumber } from "../options.ts";

interface DiscardCommandOptions extends DatabaseOptions, FilterOptions {
  readonly all?: boolean;
  readonly by: string;
  readonly reason: string;
  readonly limit: number;
  readonly yes: boolean;
  readonly json: boolean;
}

const WORDS = { done: "discarded", command: "discard" };

/** `waybill dead-letters discard`: says that nothing is to be done. */
export function deadLettersDiscardCommand(): Command {
  const command = new Command("discard")
    .description("record that nothing is to be done about dead letters; they stay as records")
    .addArgument(new Argument("[id]", "only this one").argParser(wholeNumber))
    .addOption(databaseUrlOption())
    .addOption(schemaOption());
  return addFilterOptions(command)
    .option("--all", "every dead letter")
    .option("--by <name>", "who does it, for the audit", currentUser())
    .requiredOption("--reason <text>", "why, for the audit")
    .addOption(limitOption(10_000, 100_000))
    .option("--yes", "yes, if it is more than one", false)
    .addOption(jsonOption())
    .action(discard);
}

async function discard(id: number | undefined, options: DiscardCommandOptions): Promise<void> {
  const { by, reason, limit, yes, json } = options;
  const selection = selectionOf(id, options);
  await withDeadLetters(options, async (deadLetters) => {
    if (id === undefined && !yes) {
      return printPreview(await deadLetters.count(selection, { limit, answered: true }), WORDS, json);
    }
    printActed(await deadLetters.discard(selection, { by, reason, limit }), selection, WORDS, json);
  });
}

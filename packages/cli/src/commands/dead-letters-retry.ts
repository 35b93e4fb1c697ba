import { Argument, Command, Option } from "commander";
import { currentUser, printActed, printPreview } from "../dead-letters/act.ts";
import { addFilterOptions, selectionOf, type FilterOptions } from "../dead-letters/selection.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, limitOption, schemaOption, wholeNumber } from "../options.ts";

interface RetryCommandOptions extends DatabaseOptions, FilterOptions {
  readonly all?: boolean;
  readonly by: string;
  readonly reason?: string;
  readonly perSecond?: number;
  readonly limit: number;
  readonly answered: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

const WORDS = { done: "retried", command: "retry" };

/** `waybill dead-letters retry`: runs messages again, in the order of their keys. */
export function deadLettersRetryCommand(): Command {
  const command = new Command("retry")
    .description("deliver dead letters once more, in the order of their keys")
    .addArgument(new Argument("[id]", "only this one").argParser(wholeNumber))
    .addOption(databaseUrlOption())
    .addOption(schemaOption());
  return addFilterOptions(command)
    .option("--all", "every dead letter")
    .option("--by <name>", "who does it, for the audit", currentUser())
    .option("--reason <text>", "why, for the audit")
    .addOption(new Option("--per-second <count>", "let so many become due each second").argParser(Number))
    .addOption(limitOption(10_000, 100_000))
    .option("--answered", "also those that a compensation or onGiveUp has answered", false)
    .option("--yes", "yes, if it is more than one", false)
    .addOption(jsonOption())
    .action(retry);
}

async function retry(id: number | undefined, options: RetryCommandOptions): Promise<void> {
  const { by, reason, perSecond, limit, answered, yes, json } = options;
  const selection = selectionOf(id, options);
  await withDeadLetters(options, async (deadLetters) => {
    if (id === undefined && !yes) {
      return printPreview(await deadLetters.count(selection, { limit, answered }), WORDS, json);
    }
    const acted = await deadLetters.retry(selection, {
      by,
      limit,
      answered,
      ...(reason === undefined ? {} : { reason }),
      ...(perSecond === undefined ? {} : { perSecond }),
    });
    printActed(acted, selection, WORDS, json);
  });
}

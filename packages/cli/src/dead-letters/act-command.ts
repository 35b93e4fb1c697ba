import type { Acted, DeadLetters, DeadLetterSelection } from "@waybill/core";
import { Argument, Command, type Option } from "commander";
import { databaseUrlOption, jsonOption, limitOption, schemaOption, wholeNumber } from "../options.ts";
import { currentUser, printActed, printPreview, type ActWords } from "./act.ts";
import { addFilterOptions, selectionOf, type FilterOptions } from "./selection.ts";
import { withDeadLetters, type DatabaseOptions } from "./with-dead-letters.ts";

/** What every act on dead letters is told on its command line. */
export interface ActOptions extends DatabaseOptions, FilterOptions {
  readonly all?: boolean;
  readonly by: string;
  readonly limit: number;
  readonly yes: boolean;
  readonly json: boolean;
}

/** One thing that a person may do to dead letters. */
export interface Act<Options extends ActOptions> {
  readonly description: string;
  readonly words: ActWords;
  /** Options besides those of every act. */
  readonly options: readonly Option[];
  /** Whether letters count whose failure was answered already. */
  answeredToo(options: Options): boolean;
  run(deadLetters: DeadLetters, selection: DeadLetterSelection, options: Options): Promise<Acted>;
}

/** The command of an act: on one letter at once, on many only with `--yes` and otherwise as a preview. */
export function actCommand<Options extends ActOptions>(act: Act<Options>): Command {
  const { words } = act;
  const command = new Command(words.command)
    .description(act.description)
    .addArgument(new Argument("[id]", "only this one").argParser(wholeNumber))
    .addOption(databaseUrlOption())
    .addOption(schemaOption());
  addFilterOptions(command)
    .option("--all", "every dead letter")
    .option("--by <name>", "who does it, for the audit", currentUser());
  for (const option of act.options) command.addOption(option);
  return command
    .addOption(limitOption(10_000, 100_000))
    .option("--yes", "yes, if it is more than one", false)
    .addOption(jsonOption())
    .action(async (id: number | undefined, options: Options) => {
      const { limit, yes, json } = options;
      const selection = selectionOf(id, options);
      await withDeadLetters(options, async (deadLetters) => {
        if (id === undefined && !yes) {
          const answered = act.answeredToo(options);
          return printPreview(await deadLetters.count(selection, { limit, answered }), words, json);
        }
        printActed(await act.run(deadLetters, selection, options), selection, words, json);
      });
    });
}

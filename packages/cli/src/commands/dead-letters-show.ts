import { Argument, Command } from "commander";
import { detailText, toJson } from "../dead-letters/print.ts";
import { withDeadLetters, type DatabaseOptions } from "../dead-letters/with-dead-letters.ts";
import { databaseUrlOption, jsonOption, schemaOption, wholeNumber } from "../options.ts";

/** `waybill dead-letters show`: one letter with payload, stack and what was done. */
export function deadLettersShowCommand(): Command {
  return new Command("show")
    .description("show one dead letter with its payload, its error and what was done to it")
    .addArgument(new Argument("<id>", "its id").argParser(wholeNumber))
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addOption(jsonOption())
    .action(show);
}

async function show(
  id: number,
  { json, ...database }: DatabaseOptions & { readonly json: boolean },
): Promise<void> {
  const letter = await withDeadLetters(database, (deadLetters) => deadLetters.show(id));
  if (letter === null) {
    console.error(`There is no dead letter ${id}.`);
    process.exitCode = 1;
    return;
  }
  if (!json) return console.log(detailText(letter));
  const { schema: _schema, ...shown } = letter;
  console.log(toJson(shown));
}

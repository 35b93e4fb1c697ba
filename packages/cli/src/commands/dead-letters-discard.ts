import { Option, type Command } from "commander";
import { actCommand, type ActOptions } from "../dead-letters/act-command.ts";

interface DiscardOptions extends ActOptions {
  readonly reason: string;
}

/** `waybill dead-letters discard`: says that nothing is to be done. */
export function deadLettersDiscardCommand(): Command {
  return actCommand<DiscardOptions>({
    words: { done: "discarded", command: "discard" },
    description: "record that nothing is to be done about dead letters; they stay as records",
    options: [new Option("--reason <text>", "why, for the audit").makeOptionMandatory()],
    answeredToo: () => true,
    run: (deadLetters, selection, { by, reason, limit }) =>
      deadLetters.discard(selection, { by, reason, limit }),
  });
}

import { Option, type Command } from "commander";
import { actCommand, type ActOptions } from "../dead-letters/act-command.ts";

interface RetryOptions extends ActOptions {
  readonly reason?: string;
  readonly perSecond?: number;
  readonly answered: boolean;
}

/** `waybill dead-letters retry`: runs messages again, in the order of their keys. */
export function deadLettersRetryCommand(): Command {
  return actCommand<RetryOptions>({
    words: { done: "retried", command: "retry" },
    description: "deliver dead letters once more, in the order of their keys",
    options: [
      new Option("--reason <text>", "why, for the audit"),
      new Option("--per-second <count>", "let so many become due each second").argParser(Number),
      new Option("--answered", "also those that a compensation or onGiveUp has answered").default(false),
    ],
    answeredToo: ({ answered }) => answered,
    run: (deadLetters, selection, { by, reason, perSecond, limit, answered }) =>
      deadLetters.retry(selection, {
        by,
        limit,
        answered,
        ...(reason === undefined ? {} : { reason }),
        ...(perSecond === undefined ? {} : { perSecond }),
      }),
  });
}

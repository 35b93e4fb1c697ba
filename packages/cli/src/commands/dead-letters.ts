import { Command } from "commander";
import { deadLettersAuditCommand } from "./dead-letters-audit.ts";
import { deadLettersDiscardCommand } from "./dead-letters-discard.ts";
import { deadLettersGroupsCommand } from "./dead-letters-groups.ts";
import { deadLettersListCommand } from "./dead-letters-list.ts";
import { deadLettersRetryCommand } from "./dead-letters-retry.ts";
import { deadLettersShowCommand } from "./dead-letters-show.ts";

const EXAMPLES = `
Examples:
  waybill dead-letters groups                        (what fails, how often; DATABASE_URL is the default)
  waybill dead-letters list --group inventory --limit 20
  waybill dead-letters show 42
  waybill dead-letters retry 42 --reason "stock corrected"
  waybill dead-letters retry --fingerprint 3f9a0c11d2e4 --per-second 20 --yes
  waybill dead-letters discard --topic order.test --reason "test orders" --yes
  waybill dead-letters audit --json

Acts on more than one need --yes; without it they say what they would do and exit with 2. A payload is edited by
waybill.deadLetters.edit in your service, because only that has the topic's schema: see docs/dead-letters.md.`;

/** `waybill dead-letters …`: what was given up, and what to do about it. Needs nothing but the database. */
export function deadLettersCommand(): Command {
  return new Command("dead-letters")
    .description("messages that were given up: list, show, retry, discard")
    .addCommand(deadLettersGroupsCommand())
    .addCommand(deadLettersListCommand())
    .addCommand(deadLettersShowCommand())
    .addCommand(deadLettersRetryCommand())
    .addCommand(deadLettersDiscardCommand())
    .addCommand(deadLettersAuditCommand())
    .addHelpText("after", EXAMPLES);
}

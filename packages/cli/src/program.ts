import { Command } from "commander";
import { bridgeCommand } from "./commands/bridge.ts";
import { brokerCommand } from "./commands/broker.ts";
import { deadLettersCommand } from "./commands/dead-letters.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { rebaseCommand } from "./commands/rebase.ts";
import { workerCommand } from "./commands/worker.ts";

/** The command `waybill` with all its commands. Throws instead of ending the process. */
export function program(): Command {
  const waybill = new Command("waybill")
    // What follows the name of a command is for that one.
    .enablePositionalOptions()
    .description("Reliable delivery between services: tables, relay and answers about single messages.")
    .addCommand(migrateCommand())
    .addCommand(deadLettersCommand())
    .addCommand(rebaseCommand())
    .addCommand(workerCommand())
    .addCommand(bridgeCommand())
    .addCommand(brokerCommand())
    .helpCommand(true);
  return throwing(waybill);
}

/** Commands that were made on their own inherit nothing. */
function throwing(command: Command): Command {
  command.exitOverride().showHelpAfterError("(add --help for what there is)");
  for (const child of command.commands) throwing(child);
  return command;
}

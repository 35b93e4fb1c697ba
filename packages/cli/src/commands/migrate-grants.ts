import { WaybillError } from "@waybill/core";
import { grantStatements, type GrantOptions } from "@waybill/migrations";
import { Command } from "commander";
import { schemaOption } from "../options.ts";

/** `waybill migrate grants`: what roles of their own need. Connects to nothing. */
export function migrateGrantsCommand(): Command {
  return new Command("grants")
    .description("print the grants for existing roles: a producer may record messages and nothing else")
    .addOption(schemaOption())
    .option("--producer <role>", "the role of services that send")
    .option("--worker <role>", "the role of relays and consumers")
    .action(grants);
}

function grants(options: GrantOptions): void {
  if (options.producer === undefined && options.worker === undefined) {
    throw new WaybillError("OPTIONS_INVALID", "Name a role: --producer, --worker, or both.");
  }
  try {
    for (const statement of grantStatements(options)) console.log(`${statement};`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new WaybillError("OPTIONS_INVALID", error.message, { cause: error });
  }
}

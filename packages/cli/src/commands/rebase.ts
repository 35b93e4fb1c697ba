import { rebase } from "@waybill/postgres";
import { Command } from "commander";
import { databaseUrlOption, schemaOption, sourceOption } from "../options.ts";

interface RebaseCommandOptions {
  readonly databaseUrl: string;
  readonly schema: string;
  readonly source: string;
}

const WHEN = `
When:
  after a restore that the database cannot notice by itself: a disk snapshot, or a copied data directory
  to make a logical replica the successor, once its subscription is dropped and the original is gone
A dump, another cluster, and a promoted standby are noticed without it.`;

/** `waybill rebase`: a new incarnation from the next lease on. */
export function rebaseCommand(): Command {
  return new Command("rebase")
    .description("start a new incarnation: what is not settled is sent again, under new positions")
    .addOption(sourceOption())
    .addOption(databaseUrlOption())
    .addOption(schemaOption())
    .addHelpText("after", WHEN)
    .action(run);
}

async function run({ databaseUrl, schema, source }: RebaseCommandOptions): Promise<void> {
  await rebase({ connectionString: databaseUrl }, { source, schema });
  console.log(`The next relay of source ${source} starts a new incarnation.`);
}

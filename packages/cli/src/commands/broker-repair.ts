import { repairLog, type LogRepair } from "@waybill/log";
import { Command } from "commander";
import { damageLine, withDataDir } from "../broker/offline-log.ts";
import { addSettingOptions, type GivenSettings } from "../broker/setting-options.ts";
import { jsonOption } from "../options.ts";

interface RepairCommandOptions extends GivenSettings {
  readonly yes: boolean;
  readonly json: boolean;
}

/** `waybill broker repair`: makes a damaged data folder open again, with everything that can be read. */
export function brokerRepairCommand(): Command {
  const command = new Command("repair")
    .description("make a damaged data folder open again; without --yes it is only said what would be done")
    .option("--yes", "do it; damaged files are kept in the folder damaged-N", false)
    .addOption(jsonOption())
    .action(repair);
  return addSettingOptions(command, ["dataDir"]);
}

async function repair(options: RepairCommandOptions): Promise<void> {
  const done = await withDataDir(options, (dataDir, provenOffset) =>
    repairLog(dataDir, { apply: options.yes, provenOffset }),
  );
  if (options.json) console.log(JSON.stringify(done));
  else for (const line of lines(done)) console.log(line);
}

function* lines({ applied, found, steps, lost }: LogRepair): Generator<string> {
  if (steps.length === 0) return yield `${found.directory}: there is nothing to repair.`;
  yield `${found.directory}: ${found.damage.length} damaged places:`;
  for (const place of found.damage) yield damageLine(place);
  yield applied ? "What was done:" : "What would be done:";
  for (const { kind, file, keptAs } of steps) {
    yield `  ${kind} ${file}${keptAs === null ? "" : ` (the damaged file ${applied ? "is" : "would be"} ${keptAs})`}`;
  }
  const ranges = lost.map(({ fromOffset, toOffset }) => `${fromOffset} to ${toOffset - 1}`).join(", ");
  yield lost.length === 0 ? "No record is lost." : `Lost for good: records ${ranges}.`;
  if (!applied) yield "Nothing was changed. Take a copy of the folder, then run this with --yes.";
}

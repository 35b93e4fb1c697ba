import { inspectLog, type LogInspection } from "@waybill/log";
import { Command } from "commander";
import { damageLine, withDataDir } from "../broker/offline-log.ts";
import { addSettingOptions, type GivenSettings } from "../broker/setting-options.ts";
import { jsonOption } from "../options.ts";

const DAMAGED = 1;

/** `waybill broker inspect`: reads every byte, changes none. */
export function brokerInspectCommand(): Command {
  const command = new Command("inspect")
    .description(
      "read a data folder, changing nothing, and say what is damaged; exits with 1 if something is",
    )
    .addOption(jsonOption())
    .action(inspect);
  return addSettingOptions(command, ["dataDir"]);
}

async function inspect(options: GivenSettings & { readonly json: boolean }): Promise<void> {
  const found = await withDataDir(options, (dataDir, provenOffset) => inspectLog(dataDir, { provenOffset }));
  if (options.json) console.log(JSON.stringify(found));
  else for (const line of lines(found)) console.log(line);
  if (found.damage.length > 0) process.exitCode = DAMAGED;
}

function* lines(found: LogInspection): Generator<string> {
  const { directory, owner, segments, firstOffset, endOffset, recordCount, fileBytes, tornTail, damage } =
    found;
  yield `${directory}: ${segments.length} segments, ${fileBytes} bytes, ${recordCount} records from ${firstOffset} to before ${endOffset}.`;
  if (owner !== null) yield `In use by process ${owner.pid ?? "(not known)"}: the end may have moved on.`;
  if (tornTail !== null) {
    yield `A write was cut off (${tornTail.bytes} bytes in ${tornTail.file}); it was never confirmed, and the next start sets it aside.`;
  }
  if (damage.length === 0) return yield "Nothing is damaged.";
  yield `${damage.length} damaged places:`;
  for (const place of damage) yield damageLine(place);
  yield "Restore a backup, or see what a repair would do: waybill broker repair.";
}

import { resolve } from "node:path";
import { WaybillError } from "@waybill/core";
import { provenOffsetOf } from "@waybill/broker/internal";
import { LogError, type LogDamage } from "@waybill/log";
import { loadSettings } from "@waybill/server";
import type { GivenSettings } from "./setting-options.ts";

/** Looks at the log of a data folder that a broker with the same settings would use, and at how much of it is proven. */
export async function withDataDir<T>(
  { config, dataDir }: GivenSettings,
  look: (dataDir: string, provenOffset: number) => Promise<T>,
): Promise<T> {
  const flags = dataDir === undefined ? {} : { dataDir };
  const { settings } = await loadSettings({ flags, env: process.env, file: config });
  const directory = resolve(settings.dataDir);
  try {
    return await look(directory, await provenOffsetOf(directory));
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    if (cause.code === "LOG_OWNED") {
      throw new WaybillError("DATA_DIR_OWNED", `${cause.message} Stop it first.`, { cause });
    }
    if (cause.code !== "LOG_MISSING") throw cause;
    throw new WaybillError("OPTIONS_INVALID", `${cause.message} Give the folder to --data-dir.`, { cause });
  }
}

/** One damaged place as a line. */
export function damageLine({ kind, file, position, bytes, reason, fromOffset, toOffset }: LogDamage): string {
  const lost = toOffset > fromOffset ? `loses records ${fromOffset} to ${toOffset - 1}` : "loses no record";
  return `  ${kind} in ${file} at byte ${position} (${bytes} bytes): ${reason}; ${lost}`;
}

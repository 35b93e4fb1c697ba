import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { WaybillError } from "@waybill/core";

/** What a configuration file may export; a JSON file is `config`. */
export interface LoadedConfig {
  readonly waybill?: unknown;
  readonly config?: unknown;
}

/**
 * Reads a configuration file: a module, or JSON.
 *
 * @throws WaybillError `OPTIONS_INVALID` when it cannot be read
 */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  try {
    if (file.endsWith(".json")) return { config: JSON.parse(await readFile(file, "utf8")) as unknown };
    return (await import(pathToFileURL(resolve(file)).href)) as LoadedConfig;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new WaybillError("OPTIONS_INVALID", `${file} cannot be loaded: ${detail}`, { cause });
  }
}

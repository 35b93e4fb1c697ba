import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { WaybillError } from "@waybill/core";
import type { z } from "zod";
import {
  flagOf,
  settingNames,
  settingsSchema,
  variableOf,
  VARIABLE_PREFIX,
  type SettingName,
  type Settings,
} from "./settings.ts";

/** Where settings come from. */
export interface SettingsSources {
  /** Values of flags by the name of their setting. Win over everything. */
  readonly flags: Readonly<Partial<Record<SettingName, string>>>;
  /** `WAYBILL_BROKER_…`, `DATA_DIR` for `dataDir`. Win over the file. Empty ones count as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The configuration file. Default: what `WAYBILL_BROKER_CONFIG` names, or none. */
  readonly file?: string | undefined;
}

/** Settings, and how each came to be what it is. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** For messages: `--listen`, `WAYBILL_BROKER_LISTEN`, `listen in broker.json`, or `listen, by default`. */
  readonly sourceOf: (name: SettingName) => string;
}

interface Given {
  readonly value: unknown;
  readonly source: string;
}

/**
 * Reads every setting from flags, environment, file and defaults, in that order of precedence.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming every wrong setting, where it was given, and what it wants
 */
export async function loadSettings({ flags, env, file }: SettingsSources): Promise<LoadedSettings> {
  const configFile = file ?? set(env[variableOf("config")]);
  const given = new Map<string, Given>([
    ...(configFile === undefined ? [] : await fromFile(configFile)),
    ...fromEnvironment(env),
    ...settingNames.flatMap((name) => fromFlag(name, flags[name])),
  ]);
  const parsed = settingsSchema.safeParse(
    Object.fromEntries([...given].map(([name, { value }]) => [name, value])),
  );
  if (!parsed.success) throw refused(parsed.error, given);
  const sourceOf = (name: SettingName): string => given.get(name)?.source ?? `${name}, by default`;
  return { settings: parsed.data, sourceOf };
}

async function fromFile(file: string): Promise<readonly (readonly [string, Given])[]> {
  const content = await readJson(file);
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new WaybillError(
      "OPTIONS_INVALID",
      `${file} holds no JSON object: give { "listen": … } or the like.`,
    );
  }
  return Object.entries(content).map(([name, value]) => [name, { value, source: `${name} in ${file}` }]);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(resolve(file), "utf8"));
  } catch (cause) {
    const message = `The configuration file ${file} cannot be read: ${String(cause)}. Correct it, or leave out ${flagOf("config")} and ${variableOf("config")}.`;
    throw new WaybillError("OPTIONS_INVALID", message, { cause });
  }
}

function fromEnvironment(env: SettingsSources["env"]): readonly (readonly [string, Given])[] {
  const byVariable = new Map<string, string>(settingNames.map((name) => [variableOf(name), name]));
  return Object.entries(env).flatMap(([variable, text]): (readonly [string, Given])[] => {
    const value = set(text);
    if (!variable.startsWith(VARIABLE_PREFIX) || variable === variableOf("config") || value === undefined)
      return [];
    // A variable that is not known goes by its own name, so that it is refused like an entry of the file.
    return [[byVariable.get(variable) ?? variable, { value, source: variable }]];
  });
}

function fromFlag(name: SettingName, value: string | undefined): readonly (readonly [string, Given])[] {
  return value === undefined ? [] : [[name, { value, source: flagOf(name) }]];
}

function set(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function refused(error: z.ZodError, given: ReadonlyMap<string, Given>): WaybillError {
  const problems = error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknown(key, given.get(key)));
    const name = String(issue.path[0]);
    const entry = given.get(name);
    return [`${entry?.source ?? name}: ${issue.message}; it is ${shortened(entry?.value)}.`];
  });
  return new WaybillError("OPTIONS_INVALID", problems.join("\n"), { cause: error });
}

function unknown(key: string, entry: Given | undefined): string {
  return `${entry?.source ?? key}: there is no such setting; remove it, or take one of ${settingNames.join(", ")}.`;
}

const SHOWN_MAX = 80;

function shortened(value: unknown): string {
  const text = JSON.stringify(value) ?? "not set";
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

import {
  defaultOf,
  flagOf,
  settingNames,
  shownSettings,
  variableOf,
  type SettingName,
} from "@waybill/server";
import { Option, type Command } from "commander";

/** What commander hands over: flags as they were given. */
export type GivenSettings = Readonly<Partial<Record<SettingName | "config", string>>>;

/** Adds a flag for each of these settings, and one for the configuration file. Values are checked later, all by one schema. */
export function addSettingOptions(command: Command, names: readonly SettingName[] = settingNames): Command {
  command.addOption(
    new Option("-c, --config <file>", `settings as JSON (env: ${variableOf("config")})`).helpGroup("Data:"),
  );
  for (const name of names) {
    const { group, value, description } = shownSettings[name];
    const byDefault = defaultOf(name);
    const shown = byDefault === undefined ? description : `${description} (default: ${byDefault})`;
    command.addOption(new Option(`${flagOf(name)} <${value}>`, shown).helpGroup(`${group}:`));
  }
  return command;
}

import { WaybillError } from "@waybill/core";
import {
  changeUsers,
  loadSettings,
  usersFileOf,
  type SettingName,
  type StoredPermissions,
  type StoredUsers,
} from "@waybill/server";
import type { Command } from "commander";
import { addSettingOptions, type GivenSettings } from "./setting-options.ts";

/** Where a users command looks. */
const WHERE = ["dataDir", "usersFile"] as const satisfies readonly SettingName[];

export type UserRecord = StoredUsers["users"][string];

export function addUsersFileOptions(command: Command): Command {
  return addSettingOptions(command, WHERE);
}

/** The users file that a broker with the same settings reads. */
export async function usersFile({ config, dataDir, usersFile: file }: GivenSettings): Promise<string> {
  const flags = {
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(file === undefined ? {} : { usersFile: file }),
  };
  return usersFileOf(await loadSettings({ flags, env: process.env, file: config }));
}

/** Puts another record, or none, in the place of one user. */
export async function changeUser(
  file: string,
  name: string,
  change: (before: UserRecord | undefined) => UserRecord | undefined,
): Promise<void> {
  await changeUsers(file, (stored) => {
    const users = new Map(Object.entries(stored.users));
    const after = change(users.get(name));
    if (after === undefined) users.delete(name);
    else users.set(name, after);
    return { ...stored, users: Object.fromEntries(users) };
  });
}

/** @throws WaybillError `OPTIONS_INVALID` when there is no such user */
export function existing(file: string, name: string, record: UserRecord | undefined): UserRecord {
  if (record !== undefined) return record;
  throw new WaybillError("OPTIONS_INVALID", `There is no user ${name} in ${file}: add it with "users add".`);
}

/** For people. */
export function shownPermissions({ configure, write, read }: StoredPermissions): string {
  return `configure ${JSON.stringify(configure)}, write ${JSON.stringify(write)}, read ${JSON.stringify(read)}`;
}

import { readStoredUsers } from "@waybill/server";
import { Command } from "commander";
import { addUsersFileOptions, shownPermissions, usersFile } from "../broker/edit-users.ts";
import type { GivenSettings } from "../broker/setting-options.ts";
import { jsonOption } from "../options.ts";

/** `waybill broker users list`. */
export function brokerUsersListCommand(): Command {
  const command = new Command("list")
    .description("print users and their permissions, without their hashes")
    .addOption(jsonOption())
    .action(list);
  return addUsersFileOptions(command);
}

async function list(options: GivenSettings & { readonly json: boolean }): Promise<void> {
  const { users } = await readStoredUsers(await usersFile(options));
  const listed = Object.entries(users).map(([name, { permissions = {} }]) => ({ name, permissions }));
  if (options.json) return console.log(JSON.stringify(listed));
  if (listed.length === 0) console.log("There are no users.");
  for (const { name, permissions } of listed) {
    console.log(name);
    for (const [vhost, allowed] of Object.entries(permissions))
      console.log(`  ${vhost}: ${shownPermissions(allowed)}`);
  }
}

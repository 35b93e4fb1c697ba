import { Command } from "commander";
import { addUsersFileOptions, changeUser, existing, usersFile } from "../broker/edit-users.ts";
import type { GivenSettings } from "../broker/setting-options.ts";

/** `waybill broker users remove`. */
export function brokerUsersRemoveCommand(): Command {
  const command = new Command("remove")
    .description("remove a user; its connections may do nothing more")
    .argument("<name>")
    .action(remove);
  return addUsersFileOptions(command);
}

async function remove(name: string, options: GivenSettings): Promise<void> {
  const file = await usersFile(options);
  await changeUser(file, name, (before) => {
    existing(file, name, before);
    return undefined;
  });
  console.log(`User ${name} was removed from ${file}.`);
}

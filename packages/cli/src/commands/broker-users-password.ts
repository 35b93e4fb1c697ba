import { Command } from "commander";
import { addUsersFileOptions, changeUser, existing, usersFile } from "../broker/edit-users.ts";
import { readAndHash } from "../broker/hashed.ts";
import type { GivenSettings } from "../broker/setting-options.ts";

/** `waybill broker users password`. */
export function brokerUsersPasswordCommand(): Command {
  const command = new Command("password")
    .description("give a user another password; asks for it, or reads it from stdin")
    .argument("<name>")
    .action(change);
  return addUsersFileOptions(command);
}

async function change(name: string, options: GivenSettings): Promise<void> {
  const file = await usersFile(options);
  const password = await readAndHash();
  await changeUser(file, name, (before) => ({ ...existing(file, name, before), password }));
  console.log(`User ${name} in ${file} has another password.`);
}

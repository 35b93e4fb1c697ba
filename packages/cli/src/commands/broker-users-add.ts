import { WaybillError } from "@waybill/core";
import { Command } from "commander";
import { addUsersFileOptions, changeUser, usersFile } from "../broker/edit-users.ts";
import { readAndHash } from "../broker/hashed.ts";
import type { GivenSettings } from "../broker/setting-options.ts";

interface AddOptions extends GivenSettings {
  readonly vhost: string;
  readonly permissions: boolean;
  readonly passwordHash?: string;
}

/** `waybill broker users add`. */
export function brokerUsersAddCommand(): Command {
  const command = new Command("add")
    .description("add a user; asks for the password, or reads it from stdin")
    .argument("<name>")
    .option("--vhost <name>", "the virtual host in which the user may do everything", "/")
    .option("--no-permissions", "allow nothing yet: see permit")
    .option("--password-hash <hash>", "what hash-password printed, instead of a password")
    .action(add);
  return addUsersFileOptions(command);
}

async function add(name: string, options: AddOptions): Promise<void> {
  const { vhost, permissions, passwordHash } = options;
  const file = await usersFile(options);
  const password = passwordHash ?? (await readAndHash());
  await changeUser(file, name, (before) => {
    if (before !== undefined) {
      const message = `There is a user ${name} in ${file} already: see "users password" and "users permit".`;
      throw new WaybillError("OPTIONS_INVALID", message);
    }
    const all = { configure: ".*", write: ".*", read: ".*" };
    return { password, permissions: permissions ? { [vhost]: all } : {} };
  });
  const allowed = permissions ? `may do everything in virtual host ${vhost}` : "may do nothing yet";
  console.log(`User ${name} was added to ${file} and ${allowed}.`);
}

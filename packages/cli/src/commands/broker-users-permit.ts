import { Command } from "commander";
import {
  addUsersFileOptions,
  changeUser,
  existing,
  shownPermissions,
  usersFile,
} from "../broker/edit-users.ts";
import type { GivenSettings } from "../broker/setting-options.ts";

interface PermitOptions extends GivenSettings {
  readonly vhost: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  readonly revoke: boolean;
}

/** `waybill broker users permit`. */
export function brokerUsersPermitCommand(): Command {
  const command = new Command("permit")
    .description("say what a user may do in a virtual host, instead of what was said before")
    .argument("<name>")
    .option("--vhost <name>", "the virtual host", "/")
    .option("--configure <pattern>", "exchanges and queues it may declare and delete", "")
    .option("--write <pattern>", "exchanges it may publish to, queues it may bind", "")
    .option("--read <pattern>", "queues it may consume and purge, exchanges it may bind to", "")
    .option("--revoke", "the user may not enter the virtual host any more", false)
    .action(permit);
  return addUsersFileOptions(command);
}

async function permit(name: string, options: PermitOptions): Promise<void> {
  const { vhost, configure, write, read, revoke } = options;
  const file = await usersFile(options);
  const permissions = { configure, write, read };
  await changeUser(file, name, (before) => {
    const user = existing(file, name, before);
    const { [vhost]: _replaced, ...others } = user.permissions ?? {};
    return { ...user, permissions: revoke ? others : { ...others, [vhost]: permissions } };
  });
  const what = revoke ? "may not enter" : `may ${shownPermissions(permissions)} in`;
  console.log(`User ${name} ${what} virtual host ${vhost}.`);
}

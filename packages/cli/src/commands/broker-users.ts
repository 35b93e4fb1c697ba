import { Command } from "commander";
import { brokerUsersAddCommand } from "./broker-users-add.ts";
import { brokerUsersListCommand } from "./broker-users-list.ts";
import { brokerUsersPasswordCommand } from "./broker-users-password.ts";
import { brokerUsersPermitCommand } from "./broker-users-permit.ts";
import { brokerUsersRemoveCommand } from "./broker-users-remove.ts";

const HELP = `
A broker that runs sees a change within a second. Permissions are RabbitMQ's: for each virtual host three regular
expressions over the names of exchanges and queues, for declaring, publishing and consuming. An empty one allows nothing.

Examples:
  waybill broker users add ada --data-dir /var/lib/waybill
  waybill broker users add shop --no-permissions < password.txt
  waybill broker users permit shop --vhost / --configure "" --write "^orders$" --read "^shop\\\\."
  waybill broker users list --json`;

/** `waybill broker users …`: who may connect to a broker. */
export function brokerUsersCommand(): Command {
  return new Command("users")
    .description("who may connect to a broker, and what they may do there")
    .addCommand(brokerUsersAddCommand())
    .addCommand(brokerUsersPasswordCommand())
    .addCommand(brokerUsersPermitCommand())
    .addCommand(brokerUsersListCommand())
    .addCommand(brokerUsersRemoveCommand())
    .addHelpText("after", HELP);
}

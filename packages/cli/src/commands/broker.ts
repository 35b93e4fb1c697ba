import { Command } from "commander";
import { runBroker } from "../broker/run-broker.ts";
import { addSettingOptions } from "../broker/setting-options.ts";
import { brokerHashPasswordCommand } from "./broker-hash-password.ts";
import { brokerInspectCommand } from "./broker-inspect.ts";
import { brokerRepairCommand } from "./broker-repair.ts";
import { brokerUsersCommand } from "./broker-users.ts";

const HELP = `
Every flag is also an environment variable (--data-dir: WAYBILL_BROKER_DATA_DIR) and an entry of the configuration file
({ "dataDir": "…" }). The flag wins over the variable, the variable over the file, the file over the default.

Without users, guest with the password guest may log in from this machine, and no other address is listened on.
SIGTERM or SIGINT ends it in order, a second one at once; SIGHUP reads users and certificates again.
Exit codes: 0 stopped in order, 1 failed, 2 a wrong setting.

Examples:
  waybill broker
  waybill broker --data-dir /var/lib/waybill --listen 127.0.0.1:5672 --log-format json
  waybill broker users add ada --data-dir /var/lib/waybill
  waybill broker --data-dir /var/lib/waybill --tls-listen 0.0.0.0:5671 --tls-cert cert.pem --tls-key key.pem
  waybill broker inspect --data-dir /var/lib/waybill

Guide: docs/broker.md`;

/** `waybill broker`: the native broker as a server of its own. */
export function brokerCommand(): Command {
  const command = new Command("broker")
    .description("run a message broker that speaks AMQP 0-9-1: RabbitMQ for one machine")
    // What follows the name of a subcommand is for that one.
    .enablePositionalOptions()
    .action(runBroker)
    .addCommand(brokerUsersCommand())
    .addCommand(brokerHashPasswordCommand())
    .addCommand(brokerInspectCommand())
    .addCommand(brokerRepairCommand())
    .addHelpText("after", HELP);
  return addSettingOptions(command);
}

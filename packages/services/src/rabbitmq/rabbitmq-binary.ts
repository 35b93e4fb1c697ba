import { findProgram, isExecutable } from "../process/find-program.ts";
import { whyNoMarkedProcesses } from "../process/marked-processes.ts";

/** Debian's start script without the wrapper around it, which changes the user and reads system-wide settings. */
export const rabbitmqServer = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/**
 * Why tests on RabbitMQ cannot run here, for `requirePart("rabbitmq", …)`; undefined when they can. `RABBITMQ_URL` counts unless a
 * server of one's own is asked for, to be stopped and killed.
 */
export function whyNoRabbitmq(options: { readonly own?: boolean } = {}): string | undefined {
  if (options.own !== true && process.env["RABBITMQ_URL"]) return undefined;
  if (!isExecutable(rabbitmqServer) || findProgram("epmd") === undefined) {
    return `${rabbitmqServer} cannot be run: on Debian, scripts/install-debian-parts.sh installs it; or set RABBITMQ_URL`;
  }
  return whyNoMarkedProcesses();
}

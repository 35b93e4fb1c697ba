import { findProgram } from "../process/find-program.ts";
import { whyNoMarkedProcesses } from "../process/marked-processes.ts";

export const haproxyProgram = (): string | undefined => findProgram("haproxy");

/** Why HAProxy cannot be started here, for `requirePart("haproxy", …)`; undefined when it can. */
export function whyNoHaproxy(): string | undefined {
  if (haproxyProgram() === undefined) {
    return "haproxy cannot be found: on Debian, scripts/install-debian-parts.sh installs it";
  }
  return whyNoMarkedProcesses();
}

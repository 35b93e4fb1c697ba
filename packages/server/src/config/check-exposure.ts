import { WaybillError } from "@waybill/core";
import { isLoopback } from "../users/loopback.ts";
import { GUEST } from "../users/guest-access.ts";
import type { LoadedSettings } from "./load-settings.ts";
import { flagOf } from "./settings.ts";
import { shownAddress, type ListenAddress } from "./values.ts";

/**
 * Refuses to be reached from other machines before anybody was given a password.
 *
 * @param userNames `undefined` when there is no users file
 * @throws WaybillError `OPTIONS_INVALID` naming the address, where it was given, and what to do
 */
export function checkExposure(loaded: LoadedSettings, userNames: readonly string[] | undefined): void {
  const { settings, sourceOf } = loaded;
  if (settings.listen.length + settings.tlsListen.length === 0) {
    const message = `${sourceOf("listen")}: no client could connect; give an address to ${flagOf("listen")} or ${flagOf("tlsListen")}.`;
    throw new WaybillError("OPTIONS_INVALID", message);
  }
  if (userNames?.some((name) => name !== GUEST) === true) return;
  for (const name of ["listen", "tlsListen"] as const) {
    const exposed = settings[name].find(({ host }) => !isLoopback(host));
    if (exposed === undefined) continue;
    const message =
      `${sourceOf(name)}: other machines can reach ${shownAddress(exposed)}, and there are no users (guest may log in ` +
      `from this machine only). Add one with \`waybill broker users add NAME ${flagOf("dataDir")} ${settings.dataDir}\`, or listen on 127.0.0.1.`;
    throw new WaybillError("OPTIONS_INVALID", message);
  }
}

/** Addresses over which passwords and messages leave this machine in plain text. */
export function plainExposed({ settings }: LoadedSettings): readonly ListenAddress[] {
  return settings.listen.filter(({ host }) => !isLoopback(host));
}

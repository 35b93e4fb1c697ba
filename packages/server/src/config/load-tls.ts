import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { WaybillError } from "@waybill/core";
import type { ListenOn } from "../options.ts";
import type { LoadedSettings } from "./load-settings.ts";
import { flagOf, type SettingName } from "./settings.ts";

type TlsOptions = NonNullable<ListenOn["tls"]>;

/**
 * Certificate, key and authorities from their files; `undefined` when TLS is not listened for.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming the setting that is missing or whose file is of no use
 */
export async function loadTls(loaded: LoadedSettings): Promise<TlsOptions | undefined> {
  const { settings, sourceOf } = loaded;
  if (settings.tlsListen.length === 0) return undefined;
  const wantsClientCert = settings.tlsClientCert === "require";
  if (wantsClientCert && settings.tlsCa === undefined)
    throw missing("tlsCa", `${sourceOf("tlsClientCert")} asks clients for certificates`);
  const [cert, key, ca] = await Promise.all([
    fileOf(loaded, "tlsCert"),
    fileOf(loaded, "tlsKey"),
    settings.tlsCa === undefined ? undefined : fileOf(loaded, "tlsCa"),
  ]);
  const context = { cert, key, minVersion: "TLSv1.2" as const, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(context);
  } catch (cause) {
    const message = `${sourceOf("tlsCert")}, ${sourceOf("tlsKey")}: certificate and key cannot be used together: ${String(cause)}. Give both in PEM, the key without a passphrase.`;
    throw new WaybillError("OPTIONS_INVALID", message, { cause });
  }
  return { ...context, requestCert: wantsClientCert, rejectUnauthorized: wantsClientCert };
}

async function fileOf(
  { settings, sourceOf }: LoadedSettings,
  name: "tlsCert" | "tlsKey" | "tlsCa",
): Promise<Buffer> {
  const file = settings[name];
  if (file === undefined) throw missing(name, `${sourceOf("tlsListen")} asks for TLS`);
  try {
    return await readFile(file);
  } catch (cause) {
    throw new WaybillError(
      "OPTIONS_INVALID",
      `${sourceOf(name)}: ${file} cannot be read: ${String(cause)}.`,
      {
        cause,
      },
    );
  }
}

function missing(name: SettingName, because: string): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `${flagOf(name)} is missing: ${because}. Give a file in PEM.`);
}

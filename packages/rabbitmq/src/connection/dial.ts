import { unescape } from "node:querystring";
import type { Duplex } from "node:stream";
import { connect } from "amqplib";
import type { ChannelModel } from "amqplib";
import type { Clock } from "@waybill/core";
import { messageOf } from "./unavailable.ts";
import { within } from "./within.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";

type DialOptions = Pick<
  ResolvedRabbitmqBrokerOptions,
  "heartbeatMs" | "connectTimeoutMs" | "connectionName" | "tls"
>;

/**
 * Connects to one node, within the time that one node gets. The connection has an `error` listener from the first
 * moment on: one without would end the process with its first error.
 */
export async function dial(
  url: string,
  options: DialOptions,
  role: string,
  clock: Clock,
): Promise<ChannelModel> {
  const { tls, connectTimeoutMs, connectionName } = options;
  const connecting = connect(withHeartbeat(url, options.heartbeatMs), {
    ...tls,
    timeout: connectTimeoutMs,
    noDelay: true,
    keepAlive: true,
    clientProperties: { connection_name: `${connectionName} (${role})` },
  }).then((model) => model.on("error", () => {}));
  try {
    return await within(connecting, connectTimeoutMs, `no connection to ${hostOf(url)}`, clock);
  } catch (error) {
    // One that comes too late is not wanted any more.
    connecting.then(
      (model) => destroy(model, new Error("connected too late")),
      () => {},
    );
    throw isRefusedHost(error) ? noVirtualHost(url, error) : error;
  }
}

/**
 * Ends a connection without asking the server, who may not answer: at once everything on it fails. amqplib has no
 * call for that, so it reaches for the stream beneath.
 */
export function destroy(model: ChannelModel, error: Error): void {
  const { stream } = model.connection as { readonly stream?: Duplex };
  if (stream === undefined) void model.close().catch(() => {});
  else stream.destroy(error);
}

/** For people and logs: a URL has a password. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "an unreadable URL";
}

/** amqplib knows why the server closed the connection instead of opening the virtual host, and does not say it. */
function isRefusedHost(error: unknown): boolean {
  return /Expected ConnectionOpenOk; got <ConnectionClose/.test(messageOf(error));
}

function noVirtualHost(url: string, cause: unknown): Error {
  const { pathname, username } = new URL(url);
  const [name, user] = [unescape(pathname.slice(1)) || "/", unescape(username) || "guest"];
  const reasons = "it does not exist, the user has no rights in it, or it takes no more connections";
  const text = `the virtual host "${name}" was not opened for user "${user}": ${reasons}; the server's log says which`;
  return new Error(text, { cause });
}

function withHeartbeat(url: string, heartbeatMs: number): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) parsed.searchParams.set("heartbeat", String(heartbeatMs / 1000));
  return parsed.href;
}

import type { Method } from "@waybill/amqp";
import { channelError } from "../replies/closing-error.ts";
import type { Channel } from "./channel.ts";

export async function declareExchange(channel: Channel, method: Method<"exchange.declare">): Promise<void> {
  const { exchange, type, durable, autoDelete, internal, nowait } = method;
  const { virtualHost } = channel.host;
  mustBeNamed(exchange);
  if (method.passive) {
    virtualHost.checkExchange(exchange);
  } else {
    channel.require("configure", "exchange", exchange);
    const alternate = method.arguments["alternate-exchange"];
    if (typeof alternate === "string") {
      channel.require("read", "exchange", exchange);
      channel.require("write", "exchange", alternate);
    }
    const spec = { name: exchange, type, durable, autoDelete, internal, arguments: method.arguments };
    await virtualHost.declareExchange(spec);
  }
  if (!nowait) channel.reply({ name: "exchange.declare-ok" });
}

export async function deleteExchange(channel: Channel, method: Method<"exchange.delete">): Promise<void> {
  const { exchange, ifUnused, nowait } = method;
  mustBeNamed(exchange);
  channel.require("configure", "exchange", exchange);
  await channel.host.virtualHost.deleteExchange(exchange, { ifUnused });
  if (!nowait) channel.reply({ name: "exchange.delete-ok" });
}

export async function bindExchange(channel: Channel, method: Method<"exchange.bind">): Promise<void> {
  const { destination, source, routingKey } = method;
  mayBind(channel, method);
  await channel.host.virtualHost.bindExchange(destination, source, routingKey, method.arguments);
  if (!method.nowait) channel.reply({ name: "exchange.bind-ok" });
}

export async function unbindExchange(channel: Channel, method: Method<"exchange.unbind">): Promise<void> {
  const { destination, source, routingKey } = method;
  mayBind(channel, method);
  await channel.host.virtualHost.unbindExchange(destination, source, routingKey, method.arguments);
  if (!method.nowait) channel.reply({ name: "exchange.unbind-ok" });
}

/** @throws ClosingError 403 for the default exchange, which is as it is */
export function mustBeNamed(exchange: string): void {
  if (exchange === "") throw channelError(403, "operation not permitted on the default exchange");
}

function mayBind(
  channel: Channel,
  { destination, source }: { readonly destination: string; readonly source: string },
): void {
  mustBeNamed(destination);
  mustBeNamed(source);
  channel.require("write", "exchange", destination);
  channel.require("read", "exchange", source);
}

import { randomBytes } from "node:crypto";
import type { Method } from "@waybill/amqp";
import { connectionError } from "../replies/closing-error.ts";
import { Hold, type Channel } from "./channel.ts";

export function limitPrefetch(channel: Channel, method: Method<"basic.qos">): void {
  const { prefetchSize, prefetchCount, global } = method;
  if (prefetchSize !== 0) throw connectionError(540, `prefetch_size!=0 (${prefetchSize})`);
  channel.session.prefetch(prefetchCount, global);
  channel.reply({ name: "basic.qos-ok" });
}

export async function consume(channel: Channel, method: Method<"basic.consume">): Promise<void> {
  const { noAck, exclusive, nowait } = method;
  const queue = channel.queueName(method.queue);
  const consumerTag = method.consumerTag === "" ? chosenTag() : method.consumerTag;
  if (channel.consumerTags.has(consumerTag))
    throw connectionError(530, `attempt to reuse consumer tag '${consumerTag}'`);
  channel.require("read", "queue", queue);
  // What is delivered to it must come behind its `consume-ok`.
  channel.hold(Hold.consume);
  try {
    await channel.session.consume({ queue, consumerTag, noAck, exclusive, arguments: method.arguments });
    channel.consumerTags.add(consumerTag);
    channel.host.consumes();
    if (!nowait) channel.reply({ name: "basic.consume-ok", consumerTag });
  } finally {
    channel.release(Hold.consume);
  }
}

export function cancel(channel: Channel, { consumerTag, nowait }: Method<"basic.cancel">): void {
  channel.consumerTags.delete(consumerTag);
  channel.session.cancel(consumerTag);
  if (!nowait) channel.reply({ name: "basic.cancel-ok", consumerTag });
}

export async function get(channel: Channel, method: Method<"basic.get">): Promise<void> {
  const queue = channel.queueName(method.queue);
  channel.require("read", "queue", queue);
  await channel.host.confirms.everythingStored();
  const got = await channel.session.get(queue, method.noAck);
  if (got === null) return channel.reply({ name: "basic.get-empty" });
  const { tag: deliveryTag, redelivered, exchange, routingKey, messageCount } = got;
  channel.host.consumes();
  channel.host.counters.messagesDelivered += 1;
  channel.send({ name: "basic.get-ok", deliveryTag, redelivered, exchange, routingKey, messageCount }, got);
}

export function recover(channel: Channel, method: Method<"basic.recover" | "basic.recover-async">): void {
  if (!method.requeue) throw connectionError(540, "requeue=false");
  channel.session.recover();
  if (method.name === "basic.recover") channel.reply({ name: "basic.recover-ok" });
}

/** The client wants no deliveries for a while. */
export function flow(channel: Channel, { active }: Method<"channel.flow">): void {
  if (active) channel.release(Hold.flow);
  else channel.hold(Hold.flow);
  channel.reply({ name: "channel.flow-ok", active });
}

function chosenTag(): string {
  return `amq.ctag-${randomBytes(16).toString("base64url")}`;
}

import type { Method } from "@waybill/amqp";
import type { Channel } from "./channel.ts";
import { mustBeNamed } from "./exchange-methods.ts";

/** What the names of queues begin with that the engine chooses. */
const CHOSEN_NAME = "amq.gen-";

export async function declareQueue(channel: Channel, method: Method<"queue.declare">): Promise<void> {
  const { queue, durable, exclusive, autoDelete, nowait } = method;
  const { virtualHost, token, confirms } = channel.host;
  await confirms.everythingStored();
  if (method.passive) {
    const counts = virtualHost.checkQueue(queue, token);
    return declared(channel, counts, nowait);
  }
  channel.require("configure", "queue", queue === "" ? CHOSEN_NAME : queue);
  const deadLetterExchange = method.arguments["x-dead-letter-exchange"];
  if (typeof deadLetterExchange === "string") {
    channel.require("read", "queue", queue === "" ? CHOSEN_NAME : queue);
    channel.require("write", "exchange", deadLetterExchange);
  }
  const spec = { name: queue, durable, exclusive, autoDelete, arguments: method.arguments };
  declared(channel, await virtualHost.declareQueue(spec, token), nowait);
}

function declared(
  channel: Channel,
  counts: { readonly name: string; readonly messageCount: number; readonly consumerCount: number },
  nowait: boolean,
): void {
  const { name: queue, messageCount, consumerCount } = counts;
  channel.lastQueue = queue;
  if (!nowait) channel.reply({ name: "queue.declare-ok", queue, messageCount, consumerCount });
}

export async function bindQueue(channel: Channel, method: Method<"queue.bind">): Promise<void> {
  const { queue, routingKey } = bindingOf(channel, method);
  const { virtualHost, token } = channel.host;
  await virtualHost.bindQueue(queue, method.exchange, routingKey, method.arguments, token);
  if (!method.nowait) channel.reply({ name: "queue.bind-ok" });
}

export async function unbindQueue(channel: Channel, method: Method<"queue.unbind">): Promise<void> {
  const { queue, routingKey } = bindingOf(channel, method);
  const { virtualHost, token } = channel.host;
  await virtualHost.unbindQueue(queue, method.exchange, routingKey, method.arguments, token);
  channel.reply({ name: "queue.unbind-ok" });
}

export async function purgeQueue(channel: Channel, method: Method<"queue.purge">): Promise<void> {
  const queue = channel.queueName(method.queue);
  channel.require("read", "queue", queue);
  const { virtualHost, token, confirms } = channel.host;
  await confirms.everythingStored();
  const messageCount = await virtualHost.purgeQueue(queue, token);
  if (!method.nowait) channel.reply({ name: "queue.purge-ok", messageCount });
}

export async function deleteQueue(channel: Channel, method: Method<"queue.delete">): Promise<void> {
  const { ifUnused, ifEmpty, nowait } = method;
  const queue = channel.queueName(method.queue);
  channel.require("configure", "queue", queue);
  const { virtualHost, token, confirms } = channel.host;
  await confirms.everythingStored();
  await channel.answerBeforeCancels(async () => {
    const messageCount = await virtualHost.deleteQueue(queue, { ifUnused, ifEmpty }, token);
    if (!nowait) channel.reply({ name: "queue.delete-ok", messageCount });
  });
}

/** Without a queue name the last declared queue is meant, and without a routing key as well, its name is the key. */
function bindingOf(
  channel: Channel,
  method: { readonly queue: string; readonly exchange: string; readonly routingKey: string },
): { queue: string; routingKey: string } {
  const queue = channel.queueName(method.queue);
  mustBeNamed(method.exchange);
  channel.require("write", "queue", queue);
  channel.require("read", "exchange", method.exchange);
  const meansName = method.queue === "" && method.routingKey === "";
  return { queue, routingKey: meansName ? queue : method.routingKey };
}

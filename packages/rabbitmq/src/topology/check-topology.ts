import type { Channel, ChannelModel } from "amqplib";
import { messageOf } from "../connection/unavailable.ts";
import { useChannel } from "../connection/use-channel.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { queueArguments } from "./declare-queue.ts";
import type { GroupQueues } from "./group-queues.ts";
import { mismatch, replyCodeOf } from "./topology-mismatch.ts";

const PRECONDITION_FAILED = 406;
/** What must be as Waybill would declare it; limits and policies of a queue are its owner's business. */
const MATTERS = /'(durable|auto_delete|exclusive|type|x-single-active-consumer)'/;

/** @throws WaybillError `TOPOLOGY_MISMATCH` when the exchange does not exist, or is no durable topic exchange */
export async function checkExchange(model: ChannelModel, exchange: string): Promise<void> {
  const what = `exchange ${exchange}`;
  await exists(what, model, (channel) => channel.checkExchange(exchange));
  await fits(what, model, (channel) => channel.assertExchange(exchange, "topic", { durable: true }));
}

/**
 * @throws WaybillError `TOPOLOGY_MISMATCH` when a queue of the group does not exist, does not survive a restart, or
 * lets several consumers at its messages although the order is to be kept
 */
export async function checkGroup(
  model: ChannelModel,
  names: GroupQueues,
  options: ResolvedRabbitmqBrokerOptions,
): Promise<void> {
  await checkExchange(model, options.exchange);
  const args = queueArguments(model, options);
  for (const queue of names.queues) {
    const what = `queue ${queue}`;
    await exists(what, model, (channel) => channel.checkQueue(queue));
    await fits(what, model, (channel) => channel.assertQueue(queue, { durable: true, arguments: args }));
  }
}

async function exists(
  what: string,
  model: ChannelModel,
  check: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  await useChannel(model, check).catch((error: unknown) => {
    throw mismatch(what, error);
  });
}

/**
 * Declaring a thing that exists creates nothing, and the server names the first difference. It compares the argument
 * `x-single-active-consumer` before those that may differ. A user without the right to declare is believed.
 */
async function fits(
  what: string,
  model: ChannelModel,
  declare: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  await useChannel(model, declare).catch((error: unknown) => {
    const code = replyCodeOf(error);
    if (code === undefined || (code === PRECONDITION_FAILED && MATTERS.test(messageOf(error))))
      throw mismatch(what, error);
  });
}

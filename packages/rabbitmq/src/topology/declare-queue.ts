import type { ChannelModel } from "amqplib";
import { messageOf } from "../connection/unavailable.ts";
import { useChannel } from "../connection/use-channel.ts";
import { notify } from "../events.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { hasQuorumQueues, limitsDeliveries } from "./queue-type.ts";
import { mismatch } from "./topology-mismatch.ts";

/**
 * Creates a queue of a group, or finds it as it should be.
 *
 * @throws WaybillError `TOPOLOGY_MISMATCH` when a queue of that name exists that is another one
 */
export async function declareQueue(
  model: ChannelModel,
  queue: string,
  options: ResolvedRabbitmqBrokerOptions,
): Promise<void> {
  const assert = (args: Record<string, unknown>): Promise<unknown> =>
    useChannel(model, (channel) => channel.assertQueue(queue, { durable: true, arguments: args }));
  const wanted = queueArguments(model, options);
  if (options.queueType === "quorum" && wanted["x-queue-type"] !== "quorum")
    notify(options.onEvent, { type: "rabbitmq.queue-not-replicated", level: "warn", queue });
  try {
    await assert(wanted);
  } catch (error) {
    if (!keepsItsLimit(error, options)) throw mismatch(`queue ${queue}`, error);
    const { "x-delivery-limit": _, ...rest } = wanted;
    await assert(rest).catch((second: unknown) => {
      throw mismatch(`queue ${queue}`, second);
    });
    notify(options.onEvent, { type: "rabbitmq.delivery-limit-kept", level: "warn", queue });
  }
}

/** With which arguments the queues of a group are declared. */
export function queueArguments(
  model: ChannelModel,
  options: ResolvedRabbitmqBrokerOptions,
): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  if (options.queueType === "quorum" && hasQuorumQueues(model)) {
    args["x-queue-type"] = "quorum";
    // Attempts are counted by the consumer. What the server dropped would be lost without a trace.
    if (limitsDeliveries(model)) args["x-delivery-limit"] = -1;
  }
  if (options.singleActiveConsumer) args["x-single-active-consumer"] = true;
  return { ...args, ...options.queueArguments };
}

/** A queue from before 4.0 has no limit of its own, and arguments cannot be changed. */
function keepsItsLimit(error: unknown, options: ResolvedRabbitmqBrokerOptions): boolean {
  return /'x-delivery-limit'/.test(messageOf(error)) && !("x-delivery-limit" in options.queueArguments);
}

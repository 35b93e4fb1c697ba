import type { Channel, ChannelModel } from "amqplib";
import { WIRE } from "@waybill/core";
import { useChannel } from "../connection/use-channel.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { checkExchange, checkGroup } from "./check-topology.ts";
import { declareQueue } from "./declare-queue.ts";
import type { GroupQueues } from "./group-queues.ts";
import { groupQueues } from "./group-queues.ts";
import { mismatch } from "./topology-mismatch.ts";

/** What exists on the server: one exchange, and the queues and bindings of the groups that this process declared. */
export class Topology {
  readonly #options: ResolvedRabbitmqBrokerOptions;
  readonly #groups = new Map<string, Set<string>>();

  constructor(options: ResolvedRabbitmqBrokerOptions) {
    this.#options = options;
  }

  /** @throws WaybillError `TOPOLOGY_MISMATCH` */
  async declareExchange(model: ChannelModel): Promise<void> {
    const { exchange, declare } = this.#options;
    if (!declare) return checkExchange(model, exchange);
    await declared(`exchange ${exchange}`, model, (channel) =>
      channel.assertExchange(exchange, "topic", { durable: true }),
    );
  }

  /** From now on what is published to `topics` is kept for the group. @throws WaybillError `TOPOLOGY_MISMATCH` */
  async declareGroup(model: ChannelModel, group: string, topics: readonly string[]): Promise<void> {
    const known = this.#groups.get(group) ?? new Set();
    await this.#declareGroup(model, group, topics);
    for (const topic of topics) known.add(topic);
    this.#groups.set(group, known);
  }

  /** Declares everything again: the server may have been replaced, or somebody deleted something. */
  async restore(model: ChannelModel): Promise<void> {
    await this.declareExchange(model);
    for (const [group, topics] of this.#groups) await this.#declareGroup(model, group, [...topics]);
  }

  async #declareGroup(model: ChannelModel, group: string, topics: readonly string[]): Promise<void> {
    const names = groupQueues(group, this.#options);
    if (!this.#options.declare) return checkGroup(model, names, this.#options);
    await this.declareExchange(model);
    await this.#declareSpreader(model, group, names);
    for (const queue of names.queues) await declareQueue(model, queue, this.#options);
    await declared(`bindings of group ${group}`, model, (channel) => this.#bind(channel, names, topics));
  }

  /** Refused by the server when the group exists with another number of queues: some would be read by nobody. */
  async #declareSpreader(model: ChannelModel, group: string, names: GroupQueues): Promise<void> {
    const what = `group ${group} with ${names.queues.length} queues`;
    await declared(what, model, async (channel) => {
      if (names.queues.length > 1) await channel.assertExchange(names.others, "fanout", { durable: true });
      await channel.assertExchange(names.spreader, names.queues.length > 1 ? "headers" : "fanout", {
        durable: true,
        alternateExchange: names.others,
      });
    });
  }

  async #bind(channel: Channel, names: GroupQueues, topics: readonly string[]): Promise<void> {
    const { exchange, partitions } = this.#options;
    const { queues, spreader, others } = names;
    const [first = ""] = queues;
    if (queues.length === 1) {
      for (const topic of topics) await channel.bindQueue(first, exchange, topic);
      return;
    }
    await channel.bindQueue(first, others, "");
    for (let partition = 0; partition < partitions; partition += 1) {
      const match = { "x-match": "all", [WIRE.partition]: String(partition) };
      await channel.bindQueue(names.queueOf(partition), spreader, String(partition), match);
    }
    // Last, so that nothing arrives before it has somewhere to go.
    for (const topic of topics) await channel.bindExchange(spreader, exchange, topic);
  }
}

async function declared(
  what: string,
  model: ChannelModel,
  work: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  try {
    await useChannel(model, work);
  } catch (error) {
    throw mismatch(what, error);
  }
}

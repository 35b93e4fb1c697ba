import type { Admin, Transaction } from "kafkajs";
import type { Fence } from "@waybill/core";
import { groupOffsets } from "../topology/group-offsets.ts";
import { FENCE_GROUPS, type Topology } from "../topology/topology.ts";

/**
 * Where the highest epoch of a source and incarnation is kept in Kafka: as the offset of a group that nobody joins. It
 * is changed inside transactions of the source's transactional id only, so whoever has just taken that id reads the
 * latest.
 */
export class EpochRecord {
  readonly #topology: Topology;
  readonly #admin: () => Admin;

  constructor(topology: Topology, admin: () => Admin) {
    this.#topology = topology;
    this.#admin = admin;
  }

  /** `-1` when none was ever recorded. */
  async read(fence: Fence): Promise<number> {
    const topic = await this.#topology.fenceTopic();
    const [first] = await groupOffsets(this.#admin(), this.#groupOf(fence), topic);
    return first?.offset ?? -1;
  }

  /** Records the epoch when the transaction commits. */
  async write(transaction: Transaction, fence: Fence): Promise<void> {
    const topic = await this.#topology.fenceTopic();
    await transaction.sendOffsets({
      consumerGroupId: this.#groupOf(fence),
      topics: [{ topic, partitions: [{ partition: 0, offset: String(fence.epoch) }] }],
    });
  }

  #groupOf({ source, incarnation }: Fence): string {
    return this.#topology.kafkaGroup(`${FENCE_GROUPS}${source}/${incarnation}`);
  }
}

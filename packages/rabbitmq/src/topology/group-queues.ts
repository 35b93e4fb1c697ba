import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";

type NamingOptions = Pick<ResolvedRabbitmqBrokerOptions, "queuePrefix" | "queues" | "partitions">;

/**
 * The names of what a group has on the server.
 *
 * ```
 * queues: 1   waybill ──topic──▶ waybill.billing
 *
 * queues: 3   waybill ──topic──▶ waybill.billing.partitions ──partition 0, 3, 6, …──▶ waybill.billing
 *                                (headers exchange)         ──partition 1, 4, 7, …──▶ waybill.billing.1
 *                                      │                    ──partition 2, 5, 8, …──▶ waybill.billing.2
 *                                      └──none of those──▶ waybill.billing.other-of-3 ──▶ waybill.billing
 * ```
 */
export interface GroupQueues {
  /** One for each consumer that may work at the same time. */
  readonly queues: readonly string[];
  /** Spreads the group's messages over its queues. With one queue it only marks that there is one. */
  readonly spreader: string;
  /** Takes messages of partitions that the spreader does not know; its name holds the number of queues. */
  readonly others: string;
  /** The queue of a partition. */
  queueOf(partition: number): string;
}

export function groupQueues(group: string, options: NamingOptions): GroupQueues {
  const first = `${options.queuePrefix}${group}`;
  const queues = Array.from({ length: options.queues }, (_, index) =>
    index === 0 ? first : `${first}.${index}`,
  );
  return {
    queues,
    spreader: `${first}.partitions`,
    others: `${first}.other-of-${options.queues}`,
    queueOf: (partition) =>
      (partition < options.partitions ? queues[partition % queues.length] : first) ?? first,
  };
}

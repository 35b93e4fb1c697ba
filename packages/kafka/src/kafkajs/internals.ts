import { createRequire } from "node:module";
import type { WritableRecord } from "./record-writer.ts";

/** A queue of requests of one connection. */
export interface RequestQueue {
  pending: readonly unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

/** A member of a consumer group. */
export interface ConsumerGroup {
  readonly assigners: readonly object[];
  heartbeat(options: { readonly interval: number }): Promise<void>;
  joinAndSync(): Promise<void>;
}

/** The connections of one client. */
export interface BrokerPool {
  /** What the first node says that answers; `null` when none does. */
  withBroker<T>(ask: (node: unknown) => Promise<T>): Promise<T | null>;
}

/** What a produce request is made of. */
export interface ProduceArguments {
  readonly transactionalId?: string | undefined;
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number | undefined;
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly messages: readonly WritableRecord[];
      readonly firstSequence?: number;
    }[];
  }[];
}

export interface ProduceRequest {
  readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
}

/** How produce requests are made, by version of the protocol. */
interface Produce {
  protocol: (options: {
    readonly version: number;
  }) => (given: ProduceArguments) => { readonly request: ProduceRequest };
}

interface ClassOf<T> {
  readonly prototype: T;
}

const load = createRequire(import.meta.url);

/** The only place that reaches behind the public face of kafkajs. All of it is of version 2.2.4, the last one. */
export const internals = {
  RequestQueue: load("kafkajs/src/network/requestQueue/index.js") as ClassOf<RequestQueue>,
  BrokerPool: load("kafkajs/src/cluster/brokerPool.js") as ClassOf<BrokerPool>,
  ConsumerGroup: load("kafkajs/src/consumer/consumerGroup.js") as ClassOf<ConsumerGroup>,
  produce: load("kafkajs/src/protocol/requests/produce/index.js") as Produce,
};

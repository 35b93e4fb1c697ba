import { createRequire } from "node:module";

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
  readonly memberId: string | null;
  heartbeat(options: { readonly interval: number }): Promise<void>;
  joinAndSync(): Promise<void>;
}

interface ClassOf<T> {
  readonly prototype: T;
}

const load = createRequire(import.meta.url);

/** The only place that reaches behind the public face of kafkajs. All of it is of version 2.2.4, the last one. */
export const internals = {
  RequestQueue: load("kafkajs/src/network/requestQueue/index.js") as ClassOf<RequestQueue>,
  ConsumerGroup: load("kafkajs/src/consumer/consumerGroup.js") as ClassOf<ConsumerGroup>,
};

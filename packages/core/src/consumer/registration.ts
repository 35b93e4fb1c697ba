import type { Topic } from "../message/topic.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";
import type { BatchRegistration } from "./batch-handler.ts";
import type { Compensation, Handler } from "./handler.ts";

/** A topic with what a group does for it. */
export interface Registration<Tx, T extends Topic = Topic> {
  readonly topic: T;
  readonly handle: Handler<Tx, T>;
  readonly retry: RetryPolicy;
  readonly deadlineMs: number;
  readonly compensate: Compensation<Tx, T> | null;
  /** Set when its messages are handled together. */
  readonly batch: BatchRegistration<Tx, T> | null;
}

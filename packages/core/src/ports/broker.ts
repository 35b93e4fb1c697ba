import type { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";

/**
 * What became of one published message. A boolean cannot express "unconfirmed".
 *
 * | kind        | meaning                                                                 | the relay then                |
 * |-------------|-------------------------------------------------------------------------|-------------------------------|
 * | `confirmed` | routed to at least one queue and durable on the broker                  | passes it                     |
 * | `rejected`  | the broker decided against it: unroutable, too large, nack              | parks it, or makes it dead    |
 * | `held`      | not attempted: an earlier message of its partition was refused          | publishes it again in order   |
 * | `unknown`   | timed out or the connection was lost; it may or may not have arrived    | reconnects, publishes it again|
 */
export type PublishResult =
  | { readonly kind: "confirmed" }
  | { readonly kind: "rejected"; readonly error: WaybillError; readonly retryable: boolean }
  | { readonly kind: "held" }
  | { readonly kind: "unknown"; readonly error: Error };

/** What a consumer decided about one delivery. */
export type Verdict = { readonly kind: "ack" } | { readonly kind: "requeue" };

/** What an adapter can do; the relay and the conformance suite read it. */
export interface BrokerFeatures {
  /** Messages of one partition reach a group in the order in which they were confirmed. */
  readonly orderedByKey: boolean;
  /** `fence` makes the broker refuse publishes of a lower epoch. */
  readonly fencing: boolean;
  /** After a refused message the rest of its partition in the batch is `held`, never confirmed. */
  readonly prefixAcceptance: boolean;
  /**
   * A position that is known with the same message id is confirmed without being stored again. Copies for one group
   * (header `waybill-group`) are always stored, and their positions count as unknown: the others have not got them.
   */
  readonly deduplicates: boolean;
  /** Confirmed messages survive a restart of the broker. */
  readonly durable: boolean;
  /** Libraries whose calls it repeats, see `Call`. A relay refuses those of others. Default none. */
  readonly calls?: readonly string[];
  /** Largest payload in bytes. */
  readonly payloadBytesMax: number;
}

/** Names the holder of a relay lease to the broker. */
export interface Fence {
  readonly source: string;
  readonly incarnation: string;
  /** A lower epoch of the same incarnation may publish nothing more. */
  readonly epoch: number;
}

export interface PublishOptions {
  /** The lease under which the batch is published; `null` outside a relay. */
  readonly fence: Fence | null;
  /** A message that is not confirmed by then is `unknown`. Milliseconds. */
  readonly timeoutMs: number;
}

export interface TopicSpec {
  readonly name: string;
}

export interface SubscribeOptions {
  /** The consumer group. Every group gets every message of its topics; the members of one group share them. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Deliveries that may be unsettled at once. */
  readonly prefetch: number;
}

/** One message handed to a group. */
export interface Delivery {
  readonly envelope: Envelope;
  /** `true` when the group may have been given this message before. */
  readonly redelivered: boolean;
}

export interface Subscription {
  /** No further deliveries until `resume`; those in flight go on. */
  pause(): void;
  resume(): void;
  /**
   * Ends the subscription: no further delivery starts, those in flight may settle until `deadlineMs` (default
   * 10,000) has passed, the rest goes back to the group in its old order, marked as redelivered.
   */
  close(options?: { readonly deadlineMs: number }): Promise<void>;
}

export interface BrokerHealth {
  readonly status: "up" | "down" | "blocked";
  /** What is wrong and what to do, for a person; empty when up. */
  readonly detail: string;
}

/**
 * The port to everything that moves messages. Brokers only move messages: retry timers, delays, dead letters and
 * compensation live in the user's database and are the same on all of them.
 */
export interface Broker extends AsyncDisposable {
  readonly name: string;
  readonly features: BrokerFeatures;
  /**
   * Connects, or recovers the data directory. Opening an open broker does nothing; after a failure it may be
   * called again.
   *
   * @throws WaybillError `BROKER_UNAVAILABLE` (retryable), `DATA_DIR_OWNED`, `DATA_DIR_DAMAGED`.
   */
  open(): Promise<void>;
  /** Creates what the topics need, idempotently. */
  declare(topics: readonly TopicSpec[]): Promise<void>;
  /**
   * Makes `group` exist with these topics, durably and idempotently, before anything subscribes: from then on what
   * is published to them is kept for it. Topics that it had before stay.
   */
  declareGroup(group: string, topics: readonly string[]): Promise<void>;
  /**
   * From when this resolves, publishes with a lower epoch of the same source and incarnation are refused.
   *
   * @throws WaybillError `BROKER_FENCED` when a higher epoch is known already.
   */
  fence(fence: Fence): Promise<void>;
  /**
   * Publishes in the order of `batch` and answers one result per message, in that order. Never rejects for what
   * the broker decided; a stale fence answers `rejected` with code `BROKER_FENCED` for every message.
   */
  publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]>;
  /**
   * Hands the group's messages to `onDelivery`, concurrently up to `prefetch`, started in the order of each
   * partition. A delivery counts as applied only when its promise resolved to `ack`; one that rejects or asks to
   * `requeue` comes again, before later messages of its partition that were not delivered yet.
   */
  subscribe(
    options: SubscribeOptions,
    onDelivery: (delivery: Delivery) => Promise<Verdict>,
  ): Promise<Subscription>;
  health(): Promise<BrokerHealth>;
}

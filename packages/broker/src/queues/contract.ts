/*
 * What the AMQP server and the queue engine agree on. The engine knows AMQP's model (virtual hosts, exchanges, queues,
 * channels as sessions) and nothing of sockets, users or frames; the server knows nothing of the log.
 */

import type { Fence } from "@waybill/core";

/** A field table: what stands in `arguments` and in the property `headers`. Integers beyond 2^53 are bigint. */
export type FieldTable = Readonly<Record<string, unknown>>;

/** Names a connection to the engine: owner of exclusive queues. Any object; compared by identity. */
export type ConnectionToken = object;

/**
 * Something the client may not do or that is not there. `reply` is AMQP's code (403, 404, 405, 406, 530, 540, 541, …);
 * `scope` says what it closes.
 */
export interface Refusal extends Error {
  readonly reply: number;
  readonly scope: "channel" | "connection";
}

export interface ExchangeSpec {
  readonly name: string;
  /** `direct`, `fanout`, `topic`, `headers`, or `x-delayed-message` with argument `x-delayed-type`. */
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

export interface QueueSpec {
  /** Empty: the engine chooses a name that begins with `amq.gen-`. */
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

export interface QueueCounts {
  readonly name: string;
  /** Messages ready to be delivered. */
  readonly messageCount: number;
  readonly consumerCount: number;
}

/** One message as it arrived. The buffers belong to the engine from the call on; the caller does not change them. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  /** Property flags and property list as they stand in the content header behind the body size. */
  readonly properties: Buffer;
  readonly body: Buffer;
}

/**
 * What became of a publication at once. `routed` and `unroutable` ones may be confirmed when the `flush` that follows has
 * resolved; `refused` ones (a full queue with `reject-publish`, a full disk or log queue) are nacked. Two are for fenced
 * sessions alone: `fenced` ones came under an epoch that is over, `held` ones stand behind a refused one of their order.
 */
export type PublishVerdict = "routed" | "unroutable" | "refused" | "fenced" | "held";

/** What a publisher says before messages that are not to be stored twice, and not under an epoch that is over. */
export interface FenceMessage {
  /** Where it publishes; fences and positions count within an exchange. */
  readonly exchange: string;
  /** `null`: its copies are recognised, and no epoch is over. */
  readonly fence: Fence | null;
  /** Which publication of its session this is. */
  readonly number: number;
  /** The client has seen what became of all publications up to this one. */
  readonly answered: number;
}

/** One message on its way to a client. `tag` counts from 1 within its session. */
export interface Delivery {
  readonly tag: number;
  readonly consumerTag: string;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Buffer;
  readonly body: Buffer;
}

/** A message that `get` answers. `messageCount`: how many are left. */
export interface GotDelivery extends Delivery {
  readonly messageCount: number;
}

export interface ConsumeSpec {
  readonly queue: string;
  /** Unique within its session. */
  readonly consumerTag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
}

/** What a session tells the server. Called synchronously, several times in a row; must not throw. */
export interface SessionListener {
  deliver(delivery: Delivery): void;
  /** The queue of this consumer went away; it gets nothing more. */
  cancelled(consumerTag: string): void;
}

/** One AMQP channel: what it consumes and what it holds unsettled. Every method may throw or reject with a `Refusal`. */
export interface Session {
  /** @param global for the whole session instead of each new consumer. 0: no limit. */
  prefetch(limit: number, global: boolean): void;
  publish(publication: Publication): PublishVerdict;
  /**
   * What the session publishes from now on is published under this fence. Lower epochs publish nothing more through the
   * exchange, after a restart neither once the `flush` that follows has resolved.
   */
  fence(message: FenceMessage): PublishVerdict;
  consume(spec: ConsumeSpec): Promise<void>;
  /** `false` when there is no such consumer. Its unsettled deliveries stay unsettled. */
  cancel(consumerTag: string): boolean;
  get(queue: string, noAck: boolean): Promise<GotDelivery | null>;
  /** Answers how many deliveries it settled. */
  ack(tag: number, multiple: boolean): number;
  /** Gives deliveries back (`requeue`), or drops or dead-letters them. */
  reject(tag: number, multiple: boolean, requeue: boolean): void;
  /** Everything unsettled goes back to its queue and comes again as redelivered. */
  recover(): void;
  /** No deliveries until `resume`: the client's channel.flow, or a socket that is full. */
  pause(): void;
  resume(): void;
  /** Ends its consumers and gives everything unsettled back, in order. */
  close(): void;
}

export interface VirtualHost {
  readonly name: string;
  /** Why publishers to this one are refused or paused for now, or `null`. */
  readonly blockedBy: string | null;
  openSession(connection: ConnectionToken, listener: SessionListener): Session;
  /** Creates it, or checks that what is there is the same. @throws Refusal 403, 406, 503 */
  declareExchange(spec: ExchangeSpec): Promise<void>;
  /** @throws Refusal 404 */
  checkExchange(name: string): void;
  /** One that is not there is no error. @throws Refusal 403, 406 (in use) */
  deleteExchange(name: string, options: { readonly ifUnused: boolean }): Promise<void>;
  bindExchange(destination: string, source: string, routingKey: string, args: FieldTable): Promise<void>;
  unbindExchange(destination: string, source: string, routingKey: string, args: FieldTable): Promise<void>;
  declareQueue(spec: QueueSpec, connection: ConnectionToken): Promise<QueueCounts>;
  /** @throws Refusal 404, 405 (exclusive to another connection) */
  checkQueue(name: string, connection: ConnectionToken): QueueCounts;
  /** Answers how many messages went with it. One that is not there is no error. */
  deleteQueue(
    name: string,
    options: { readonly ifUnused: boolean; readonly ifEmpty: boolean },
    connection: ConnectionToken,
  ): Promise<number>;
  purgeQueue(name: string, connection: ConnectionToken): Promise<number>;
  bindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args: FieldTable,
    connection: ConnectionToken,
  ): Promise<void>;
  unbindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args: FieldTable,
    connection: ConnectionToken,
  ): Promise<void>;
}

/** What a person or a metrics page is shown about one queue. */
export interface QueueReport extends QueueCounts {
  readonly virtualHost: string;
  readonly durable: boolean;
  readonly unsettledCount: number;
  readonly bytesInMemory: number;
}

/** The same about one virtual host. */
export interface VirtualHostReport {
  readonly name: string;
  readonly queueCount: number;
  /**
   * What its messages take in the log, ready and unsettled, with their properties. One that is in several queues counts
   * in each.
   */
  readonly messageBytes: number;
  /** Why publishers to it are refused or paused for now, or `null`. */
  readonly blockedBy: string | null;
}

export interface EngineReport {
  /** Why publishers are refused or paused for now, or `null`. */
  readonly blockedBy: string | null;
  readonly durableOffset: number;
  readonly segmentCount: number;
  readonly storedBytes: number;
  readonly virtualHosts: readonly VirtualHostReport[];
  readonly queues: readonly QueueReport[];
}

/** All virtual hosts over one open log. Used up when a write failed: `onFailed` tells, and nothing is confirmed any more. */
export interface QueueEngine {
  virtualHost(name: string): VirtualHost | undefined;
  virtualHostNames(): readonly string[];
  /** Creates it unless it is there. Durable when it resolves. */
  createVirtualHost(name: string): Promise<VirtualHost>;
  deleteVirtualHost(name: string): Promise<void>;
  /**
   * Stores what was published since the last call. When it resolves, all of that is on stable storage. Called once per
   * chunk that a socket delivered. Rejects when it failed: then nothing of it may be confirmed.
   */
  flush(): Promise<void>;
  /** The connection ended: its exclusive queues go. Its sessions are closed before. */
  connectionClosed(connection: ConnectionToken): void;
  report(): Promise<EngineReport>;
  /** Publishers should be told (`connection.blocked`) with this reason, or that it is over (`null`). */
  onBlocked: (reason: string | null) => void;
  /** The same for publishers to one virtual host. May be called amid any other call. */
  onVirtualHostBlocked: (name: string, reason: string | null) => void;
  onFailed: (error: Error) => void;
  /** Makes acknowledgements and a checkpoint durable and gives the directory free. Sessions are closed before. */
  close(): Promise<void>;
}

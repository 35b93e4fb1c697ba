import { WaybillError } from "../errors/waybill-error.ts";
import { isMeantFor } from "../message/addressee.ts";
import type { HandledPayloadOf, Topic } from "../message/topic.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { Broker, Delivery, Subscription, Verdict } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { exponential } from "../retry/retry-policy.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import type { ApplyParts } from "./application.ts";
import { asSingle, type BatchHandler, type BatchOptions, type BatchRegistration } from "./batch-handler.ts";
import { batchRunner, type BatchRunner } from "./batch-runner.ts";
import { consumerOptionsSchema, type ConsumerOptions } from "./consumer-options.ts";
import type { Handler, HandlerContext, HandlerOptions } from "./handler.ts";
import type { Registration } from "./registration.ts";
import { createLanes, type Slot } from "./lanes.ts";
import { createIsolation, type Isolation } from "./isolation.ts";
import { messageRunner } from "./message-runner.ts";
import { parkedRunner, type ParkedRunner } from "./parked-runner.ts";
import { rateLimit } from "./rate-limit.ts";
import { createTimeouts } from "./timeouts.ts";

const BATCH_SIZE_MAX = 10_000;

const DEFAULT_DEADLINE_MS = 60_000;
const DEADLINE_MS_MAX = 86_400_000;

const DEFAULT_RETRY = exponential({ firstMs: 200, factor: 2, maxMs: 60_000, attempts: 12 });

/** The consumer side of one group: every message of its topics is applied once. */
export interface Consumer<Tx> {
  readonly group: string;
  readonly topics: readonly Topic[];
  /**
   * Handles a topic. The inbox record, what the handler writes through `tx` and what it sends commit together, once,
   * however often the message is delivered.
   *
   * @throws WaybillError `OPTIONS_INVALID` when the topic has a handler already or the consumer has started
   */
  on<T extends Topic>(
    topic: T,
    handler: (payload: HandledPayloadOf<T>, context: HandlerContext<Tx>) => Promise<void> | void,
    options?: HandlerOptions<Tx, T>,
  ): this;
  /**
   * Handles a topic in batches, one transaction each: much faster where a handler can work set-wise. Order per key and
   * once per message hold as with `on`; a message that fails is found by halving and retried on its own.
   *
   * @throws WaybillError `OPTIONS_INVALID` like `on`, or when the size is not a whole number from 1 to 10,000
   */
  onBatch<T extends Topic>(topic: T, handler: BatchHandler<Tx, T>, options?: BatchOptions<Tx, T>): this;
  /** Declares the group and takes deliveries. @throws what the broker throws */
  start(): Promise<void>;
  /** Runs what the group parked and is due now, at most a few hundred messages. Answers how many it ran. */
  runParked(): Promise<number>;
  /** No further deliveries until `resume`. */
  pause(): void;
  resume(): void;
  /** Finishes what is in work, for at most `deadlineMs`; the rest goes back to the broker. */
  stop(options?: { readonly deadlineMs: number }): Promise<void>;
}

export interface ConsumerParts<Tx> {
  readonly group: string;
  /** The own source. */
  readonly source: string;
  readonly storage: Storage<Tx>;
  readonly broker: Broker;
  /** Sends what handlers send. */
  readonly outbox: Outbox<NoInfer<Tx>>;
  readonly options?: ConsumerOptions;
  readonly onEvent?: EventListener;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Shared by all consumers of a process. Default: one of its own, which does not know of other consumers. */
  readonly isolation?: Isolation;
}

/** Makes a consumer of one group. It takes no message until `start`. */
export function createConsumer<Tx>(parts: ConsumerParts<Tx>): Consumer<Tx> {
  return new GroupConsumer(parts);
}

class GroupConsumer<Tx> implements Consumer<Tx> {
  readonly group: string;
  readonly #parts: ConsumerParts<Tx>;
  readonly #options;
  readonly #registrations = new Map<string, Registration<Tx>>();
  readonly #apply: ApplyParts<Tx>;
  readonly #emit: EventListener;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #parked: ParkedRunner;
  #subscription: Subscription | null = null;

  constructor(parts: ConsumerParts<Tx>) {
    const { clock = systemClock, random = systemRandom } = parts;
    this.#emit = parts.onEvent ?? (() => undefined);
    this.group = parts.group;
    this.#parts = parts;
    this.#options = parseOptions("createConsumer", consumerOptionsSchema, parts.options ?? {});
    this.#apply = {
      group: parts.group,
      storage: parts.storage,
      outbox: parts.outbox,
      registrations: this.#registrations,
      trusted: new Set(this.#options.trustedSources ?? [parts.source]),
      options: this.#options,
      random,
      clock,
      timeouts: createTimeouts(clock),
      isolation: parts.isolation ?? createIsolation(),
    };
    this.#clock = clock;
    this.#parked = parkedRunner(this.#apply, this.#emit, this.#stopping.signal);
  }

  get topics(): readonly Topic[] {
    return [...this.#registrations.values()].map(({ topic }) => topic);
  }

  on<T extends Topic>(topic: T, handler: Handler<Tx, T>, options: HandlerOptions<Tx, T> = {}): this {
    return this.#register(topic, handler, options, null);
  }

  onBatch<T extends Topic>(topic: T, handle: BatchHandler<Tx, T>, options: BatchOptions<Tx, T> = {}): this {
    const { size = 100 } = options;
    if (!Number.isInteger(size) || size < 1 || size > BATCH_SIZE_MAX) {
      throw this.#refused(`wants batches of 1 to ${BATCH_SIZE_MAX} messages of ${topic.name}, not ${size}`);
    }
    return this.#register(topic, asSingle(handle), options, { size, handle });
  }

  #register<T extends Topic>(
    topic: T,
    handle: Handler<Tx, T>,
    options: HandlerOptions<Tx, T>,
    batch: BatchRegistration<Tx, T> | null,
  ): this {
    if (this.#subscription !== null) throw this.#refused(`is running; register ${topic.name} before start`);
    if (this.#registrations.has(topic.name)) throw this.#refused(`has a handler for ${topic.name} already`);
    const registration: Registration<Tx, T> = {
      topic,
      handle,
      batch,
      retry: options.retry ?? DEFAULT_RETRY,
      deadlineMs: this.#checkedDeadline(topic, options.deadlineMs ?? DEFAULT_DEADLINE_MS),
      compensate: options.compensate ?? null,
    };
    // A registration is only ever used with payloads decoded by its own topic.
    this.#registrations.set(topic.name, registration as unknown as Registration<Tx>);
    return this;
  }

  async start(): Promise<void> {
    if (this.#subscription !== null) return;
    const { broker } = this.#parts;
    const topics = [...this.#registrations.keys()];
    if (topics.length === 0) throw this.#refused("handles no topic; call on(topic, handler) first");
    await broker.declareGroup(this.group, topics);
    const deliver = this.#deliverer();
    this.#subscription = await broker.subscribe(
      { group: this.group, topics, prefetch: this.#options.prefetch },
      deliver,
    );
  }

  /** How a delivery is applied: in its lane, or with others of its topic. */
  #deliverer(): (delivery: Delivery) => Promise<Verdict> {
    const stopping = this.#stopping.signal;
    const runner = messageRunner(this.#apply, this.#clock, this.#emit, stopping);
    const limit = rateLimit(this.#options.perSecond, this.#clock);
    const lanes = createLanes(this.#options.concurrency);
    const batches = new Map<string, BatchRunner>();
    for (const registration of this.#registrations.values()) {
      const { batch, topic } = registration;
      if (batch === null) continue;
      const parts = { apply: this.#apply, registration, batch, single: runner, limit, emit: this.#emit };
      batches.set(topic.name, batchRunner({ ...parts, stopping }));
    }
    const one = async (delivery: Delivery, slot: Slot): Promise<Verdict> => {
      await limit.take(1, stopping);
      return runner.deliver(delivery, slot);
    };
    return (delivery) => {
      const { topic, partition } = delivery.envelope;
      if (!isMeantFor(this.group, delivery.envelope)) return Promise.resolve({ kind: "ack" });
      return (
        batches.get(topic)?.deliver(delivery) ??
        lanes.run(`${topic}/${partition}`, (slot) => one(delivery, slot))
      );
    };
  }

  runParked(): Promise<number> {
    return this.#parked.runParked();
  }

  pause(): void {
    this.#subscription?.pause();
  }

  resume(): void {
    this.#subscription?.resume();
  }

  async stop(options: { readonly deadlineMs: number } = { deadlineMs: 10_000 }): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = null;
    this.#stopping.abort();
    const parked = this.#parked.idle();
    await subscription?.close(options);
    await parked;
  }

  #checkedDeadline(topic: Topic, deadlineMs: number): number {
    if (Number.isInteger(deadlineMs) && deadlineMs >= 1 && deadlineMs <= DEADLINE_MS_MAX) return deadlineMs;
    throw this.#refused(
      `wants a deadlineMs from 1 to ${DEADLINE_MS_MAX} for ${topic.name}, not ${deadlineMs}`,
    );
  }

  #refused(detail: string): WaybillError {
    return new WaybillError("OPTIONS_INVALID", `Consumer ${this.group} ${detail}.`);
  }
}

import { createConsumer, type Consumer } from "../consumer/create-consumer.ts";
import { createIsolation } from "../consumer/isolation.ts";
import { createDeadLetters } from "../dead-letters/create-dead-letters.ts";
import type { DeadLetters } from "../dead-letters/dead-letters.ts";
import { giveUpHandlers, type OnGiveUp } from "../dead-letters/give-up-handlers.ts";
import type { GiveUpRegistration } from "../dead-letters/on-give-up.ts";
import { describeError } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import { createDoorbell } from "../outbox/doorbell.ts";
import { createCalls, type Calls } from "../outbox/create-calls.ts";
import { createOutbox, type Outbox } from "../outbox/create-outbox.ts";
import { createIdempotent, type Idempotent } from "../inbox/create-idempotent.ts";
import { createInbox, type Inbox } from "../inbox/create-inbox.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { Topic } from "../message/topic.ts";
import type { Broker, BrokerHealth } from "../ports/broker.ts";
import type { EventListener } from "../ports/events.ts";
import { consumerJobs, giveUpJobs, relayJobs, retentionJobs } from "../recovery/recovery-jobs.ts";
import { createPublisher, type Publisher } from "../publisher/create-publisher.ts";
import { createRelay, type Relay, type RelayStatus } from "../relay/create-relay.ts";
import type { PublisherOptions } from "../publisher/publisher-options.ts";
import type { SqlTransaction } from "../ports/sql-transaction.ts";
import type { StorageSettings } from "../ports/storage-settings.ts";
import type { Storage } from "../ports/storage.ts";
import { createScheduler, type Job, type Scheduler } from "../scheduler/create-scheduler.ts";
import { guarded, reportToConsole } from "../system/report-to-console.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import { AmbientTransaction } from "../transaction/ambient-transaction.ts";
import { ambientStorage } from "../transaction/ambient-storage.ts";
import { createTransactions, type Transactions } from "../transaction/create-transactions.ts";
import { waybillOptionsSchema, type WaybillOptions } from "./waybill-options.ts";

/** How a process fares, for a health endpoint. */
export interface WaybillHealth {
  /** `down` when the database is, when the broker is in a process that uses one, and after `stop`. */
  readonly status: "up" | "down";
  readonly storage: { readonly status: "up" | "down"; readonly detail: string };
  /** `null` in a process that only sends. */
  readonly broker: BrokerHealth | null;
  /** `null` where no relay runs. */
  readonly relay: RelayStatus | null;
  readonly groups: readonly string[];
}

export interface StartOptions {
  /** Run a relay and the scheduler's jobs for it here. Default true. */
  readonly relay?: boolean;
  /** Run the groups registered with `consumer`. Default true. */
  readonly consumers?: boolean;
}

/**
 * The front of Waybill in one service: a thin cover over outbox, inbox, relay, consumers and scheduler. `Tx` is the
 * transaction that it hands out; `send` and `inbox.once` take those of other libraries too.
 */
export interface Waybill<Tx>
  extends Pick<Outbox<Tx | SqlTransaction>, "send" | "sendMany">, Transactions<Tx>, AsyncDisposable {
  /** Records that a message was applied, in your transaction. */
  readonly inbox: Inbox<Tx>;
  /** Takes calls of other libraries, for `outboxed` of the adapters. */
  readonly calls: Calls;
  /** Makes functions and methods that anything may call any number of times: each message has its effects once. */
  readonly idempotent: Idempotent;
  /**
   * Publishes past the outbox, in the classes `confirmed` and `rapid`; see `Publisher` for what they do not promise.
   *
   * @throws WaybillError `NOT_STARTED` before `start`
   */
  publisher(options?: PublisherOptions): Publisher;
  /** What was given up, for an operator: list, show, edit, retry, discard. Needs no `start`. */
  readonly deadLetters: DeadLetters;
  /**
   * Answers messages of a topic that could not be published or have expired. The handler runs later, from the dead
   * letter, in a transaction of its own: its effects happen once, and it is tried again until it succeeds. A letter that
   * somebody retried or discarded before is not answered. Register before `start`.
   *
   * @throws WaybillError `OPTIONS_INVALID` when the topic has a handler already or this Waybill has started
   */
  readonly onGiveUp: OnGiveUp<Tx>;
  /** The consumer of a group; the same one for the same name. Register handlers on it before `start`. */
  consumer(group: string): Consumer<Tx>;
  /**
   * Checks database and broker, then takes deliveries and publishes what committed. Resolves when both run.
   *
   * @throws WaybillError what `Storage.check` and `Broker.open` throw, or `NOT_STARTED` without a broker
   */
  start(options?: StartOptions): Promise<void>;
  health(): Promise<WaybillHealth>;
  /** Stops jobs, consumers, relay and broker, in that order, each after what it has in work. Never ends your pool. */
  stop(options?: { readonly deadlineMs: number }): Promise<void>;
}

/**
 * Makes Waybill for one service. Nothing is connected until `start`; `send` works at once.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming each wrong option
 */
export function createWaybill<Tx>(options: WaybillOptions<Tx>): Waybill<Tx> {
  parseOptions("createWaybill", waybillOptionsSchema, options);
  return new WaybillService(options);
}

class WaybillService<Tx> implements Waybill<Tx> {
  readonly send: Outbox<Tx | SqlTransaction>["send"];
  readonly sendMany: Outbox<Tx | SqlTransaction>["sendMany"];
  readonly inbox: Inbox<Tx>;
  readonly calls: Calls;
  readonly idempotent: Idempotent;
  readonly runInTransaction: Transactions<Tx>["runInTransaction"];
  readonly withTransaction: Transactions<Tx>["withTransaction"];
  readonly currentTransaction: Transactions<Tx>["currentTransaction"];
  readonly transactional: Transactions<Tx>["transactional"];
  readonly onGiveUp: OnGiveUp<Tx>;
  readonly #options: WaybillOptions<Tx>;
  /** For consumers: what handlers call finds their transaction. */
  readonly #storage: Storage<Tx>;
  readonly #emit: EventListener;
  readonly #outbox: Outbox<Tx | SqlTransaction>;
  readonly #bell;
  readonly #giveUps = giveUpHandlers<Tx>(() => this.#state === "new");
  readonly #consumers = new Map<string, Consumer<Tx>>();
  readonly #isolation = createIsolation();
  #state: "new" | "started" | "stopped" = "new";
  #relay: Relay | null = null;
  #settings: StorageSettings | null = null;
  readonly #publishers: Publisher[] = [];
  #scheduler: Scheduler | null = null;
  #cleanups: (() => Promise<void> | void)[] = [];

  constructor(options: WaybillOptions<Tx>) {
    const { storage } = options;
    const ambient = new AmbientTransaction<Tx>();
    const transactions = createTransactions(storage, ambient);
    this.#options = options;
    this.#storage = ambientStorage(storage, ambient);
    this.inbox = createInbox({ storage });
    this.idempotent = createIdempotent<Tx>(storage.inbox, transactions);
    this.runInTransaction = transactions.runInTransaction;
    this.withTransaction = transactions.withTransaction;
    this.currentTransaction = transactions.currentTransaction;
    this.transactional = transactions.transactional;
    this.#emit = guarded(options.onEvent ?? reportToConsole);
    this.#bell = createDoorbell(options.storage.outbox, options.clock ?? systemClock);
    const afterCommit = (): void => this.#bell.ring();
    this.#outbox = createOutbox({ ...options, afterCommit });
    this.calls = createCalls({ ...options, ambient, afterCommit });
    this.onGiveUp = this.#giveUps.on;
    this.send = (tx, topic, payload, sendOptions) => this.#outbox.send(tx, topic, payload, sendOptions);
    this.sendMany = (tx, topic, payloads, sendOptions) =>
      this.#outbox.sendMany(tx, topic, payloads, sendOptions);
  }

  get deadLetters(): DeadLetters {
    return createDeadLetters({ storage: this.#options.storage, topics: this.#topics() });
  }

  consumer(group: string): Consumer<Tx> {
    const known = this.#consumers.get(group);
    if (known !== undefined) return known;
    const { source, clock, random, consumer } = this.#options;
    const made = createConsumer<Tx>({
      group,
      source,
      storage: this.#storage,
      broker: this.#broker(),
      outbox: this.#outbox,
      onEvent: this.#emit,
      isolation: this.#isolation,
      ...(consumer === undefined ? {} : { options: consumer }),
      ...(clock === undefined ? {} : { clock }),
      ...(random === undefined ? {} : { random }),
    });
    this.#consumers.set(group, made);
    return made;
  }

  publisher(options: PublisherOptions = {}): Publisher {
    if (this.#settings === null || this.#state !== "started") {
      throw new WaybillError(
        "NOT_STARTED",
        "publisher: call start first; a publisher needs the open broker.",
      );
    }
    const made = createPublisher({ ...this.#options, ...this.#settings, broker: this.#broker(), options });
    this.#publishers.push(made);
    return made;
  }

  async start(options: StartOptions = {}): Promise<void> {
    const { relay = true, consumers = true } = options;
    if (this.#state !== "new")
      throw new WaybillError("STOPPED", "start: this Waybill was started before; create another one.");
    this.#state = "started";
    try {
      await this.#startParts(relay, consumers);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #startParts(withRelay: boolean, withConsumers: boolean): Promise<void> {
    const { source, storage } = this.#options;
    this.#settings = await storage.check(source);
    const groups = withConsumers ? [...this.#consumers.values()] : [];
    await this.#options.broker?.open();
    for (const consumer of groups) await consumer.start();
    const relay = withRelay ? await this.#startRelay() : null;
    const jobs: readonly Job[] = [
      ...(relay === null ? [] : [...relayJobs(relay), ...retentionJobs(storage, this.#options.retention)]),
      ...groups.flatMap((consumer) => consumerJobs(consumer)),
      ...this.#giveUps.registrations().flatMap((registration) => this.#giveUpJobs(registration)),
    ];
    const { cron, random } = this.#options;
    this.#scheduler = createScheduler({
      store: storage.jobs,
      jobs,
      onEvent: this.#emit,
      ...(cron === undefined ? {} : { cron }),
      ...(random === undefined ? {} : { random }),
    });
    this.#scheduler.start();
  }

  #giveUpJobs(registration: GiveUpRegistration<Tx>): readonly Job[] {
    const { random = systemRandom } = this.#options;
    return giveUpJobs({ storage: this.#storage, outbox: this.#outbox, registration, random });
  }

  async #startRelay(): Promise<Relay> {
    const { storage, relay: options } = this.#options;
    const relay = createRelay({
      ...this.#options,
      broker: this.#broker(),
      options: options ?? {},
      orderOf: this.#orderOf(),
      onEvent: this.#emit,
    });
    this.#relay = relay;
    this.#cleanups.push(this.#bell.answerHere(() => relay.nudge()));
    this.#cleanups.push(await storage.outbox.onNudge(() => relay.nudge()));
    await relay.lead();
    return relay;
  }

  #orderOf(): (topic: string) => "blocking" | "parking" {
    const modes = new Map(this.#topics().map((topic) => [topic.name, topic.order]));
    return (topic) => modes.get(topic) ?? "blocking";
  }

  #topics(): readonly Topic[] {
    return [
      ...(this.#options.topics ?? []),
      ...this.#giveUps.registrations().map(({ topic }) => topic),
      ...[...this.#consumers.values()].flatMap(({ topics }) => topics),
    ];
  }

  async health(): Promise<WaybillHealth> {
    const { source, storage, broker } = this.#options;
    const storageHealth = await storage.check(source).then(
      () => ({ status: "up" as const, detail: "" }),
      (error: unknown) => ({ status: "down" as const, detail: describeError(error) }),
    );
    const brokerHealth = this.#state === "started" && broker !== undefined ? await broker.health() : null;
    const down = storageHealth.status === "down" || brokerHealth?.status === "down";
    return {
      status: down || this.#state === "stopped" ? "down" : "up",
      storage: storageHealth,
      broker: brokerHealth,
      relay: this.#relay?.status() ?? null,
      groups: [...this.#consumers.keys()],
    };
  }

  async stop(options: { readonly deadlineMs: number } = { deadlineMs: 10_000 }): Promise<void> {
    if (this.#state === "stopped") return;
    const started = this.#state === "started";
    this.#state = "stopped";
    await this.#scheduler?.stop();
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.stop(options)));
    await Promise.all(this.#publishers.map((publisher) => publisher.flush()));
    await this.#relay?.stop(options);
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
    if (started) await this.#options.broker?.[Symbol.asyncDispose]();
    await this.#options.storage[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #broker(): Broker {
    const { broker } = this.#options;
    if (broker !== undefined) return broker;
    throw new WaybillError(
      "NOT_STARTED",
      "Consumers and relay need a broker: createWaybill({ …, broker: nativeBroker({ dataDir }) }).",
    );
  }
}

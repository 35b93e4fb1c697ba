import type {
  Broker,
  Clock,
  ConsumerOptions,
  DeadLetter,
  EventListener,
  MemoryBroker,
  MemoryStorage,
  MemoryTransaction,
  ParkedReason,
  RelayOptions,
  Storage,
  Topic,
  Waybill,
} from "@waybill/core";
import type { BedMessage, MessageOf } from "./bed-message.ts";
import type { CrashPoint } from "./crash-point.ts";
import type { FakeClock } from "./fake-clock.ts";

/** What every bed is made of. */
export interface CommonBedOptions<Tx> {
  /** The source of the messages. Default `test`; on a database it is the one that its schema was migrated for. */
  readonly source?: string;
  /** Registers the consumers. It is called for every process: at the beginning, and again after each crash. */
  readonly setup: (waybill: Waybill<Tx>) => void;
  /** Topics that other services handle. Without a group a broker refuses them, and they would wait for one. */
  readonly topics?: readonly Topic[];
  readonly consumer?: ConsumerOptions;
  /** How the relay publishes. The bed decides when it looks. */
  readonly relay?: Pick<RelayOptions, "chunkRowsMax" | "retry">;
  /** Default: nothing is reported. */
  readonly onEvent?: EventListener;
  /** How long nothing may change before `settle` gives up on what is not done, milliseconds of real time. Default 2,000. */
  readonly patienceMs?: number;
}

export interface MemoryBedOptions<B extends Broker> extends CommonBedOptions<MemoryTransaction> {
  readonly storage?: undefined;
  readonly clock?: undefined;
  /** Default: a broker in memory. As a function it is made anew for each process. */
  readonly broker?: B | (() => B);
}

export interface StorageBedOptions<Tx, B extends Broker> extends CommonBedOptions<Tx> {
  /** Your storage. As a function it is made anew for each process, so that what only it remembers dies in a crash. */
  readonly storage: Storage<Tx> | (() => Storage<Tx>);
  /** Default: a broker in memory. As a function it is made anew for each process, as a client of a server is. */
  readonly broker?: B | (() => B);
  /** The fake clock that your storage was made with. Without one, time is the storage's and does not move by itself. */
  readonly clock?: FakeClock;
}

/** How a bed settles. */
export interface SettleOptions {
  /** More moves than this are taken for an endless loop. Default 10,000. */
  readonly movesMax?: number;
  /**
   * Only where a real database decides what is due: goes on, waiting for real, for at most so long while something is
   * parked. Milliseconds.
   */
  readonly untilMs?: number;
}

/** A message in the group that handled it. */
export type HandledMessage<T extends Topic> = MessageOf<T> & { readonly group: string };

/** A message that was given up. */
export type DeadMessage = BedMessage &
  Pick<DeadLetter, "group" | "attempts" | "reason" | "error"> & { readonly diedAt: number };

/** How many messages of a group wait, and for what. The group of messages that wait to be published is empty. */
export interface ParkedCount {
  readonly group: string;
  readonly reason: ParkedReason;
  readonly count: number;
}

/**
 * A service under test. Its process runs a relay, the scheduler and the groups of `setup`; it moves only inside
 * `settle`, `advance` and `redeliver`, and dies where a test says so. The test's own calls never die.
 */
export interface TestBed<
  Tx = MemoryTransaction,
  S extends Storage<Tx> = Storage<Tx>,
  B extends Broker = Broker,
> extends AsyncDisposable {
  /** Sends. Give it to the code under test; it is of no process and survives every crash. Do not start it. */
  readonly waybill: Waybill<Tx>;
  readonly storage: S;
  readonly broker: B;
  /** The time of the bed. On a database it only paces, and the database decides what is due. */
  readonly clock: Clock;
  /** Runs `work` in a transaction of the storage. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;

  /**
   * Drives relay, consumers and jobs until nothing moves any more, without sleeping. What is parked for later waits for
   * `advance`. When the process dies at `crashAt`, another is started and goes on.
   *
   * @throws Error naming what still moves after `movesMax` moves, what is not done, what the broker confirmed and never
   * delivered, or that the point of `crashAt` was not passed
   */
  settle(options?: SettleOptions): Promise<void>;
  /**
   * Moves the fake clock by `ms` and settles at every time on the way at which something is due.
   *
   * @throws Error on a real database, whose clock nobody moves
   */
  advance(ms: number): Promise<void>;

  /** What was committed for a topic, in the order of the outbox, as the relay read it: settle first. */
  sent<T extends Topic>(topic: T): readonly MessageOf<T>[];
  sent(): readonly BedMessage[];
  /** What a group handled and committed, in that order. A message twice in it was handled twice. */
  handled<T extends Topic>(group: string, topic: T): readonly HandledMessage<T>[];
  handled(): readonly HandledMessage<Topic>[];
  /** What was given up and waits for a person, the newest first. */
  deadLetters(): Promise<readonly DeadMessage[]>;
  parked(): Promise<readonly ParkedCount[]>;

  /**
   * Delivers again, to the same groups, what was delivered before, as after a lost acknowledgement, and settles: all of
   * it, a topic, or one message. Answers how many deliveries that were.
   */
  redeliver(what?: Topic | { readonly id: string }): Promise<number>;
  /**
   * The process dies when it passes this point for the n-th time from now (`before-ack#2`; without a number the first).
   * The `settle` in which that happens starts another process over the same storage and broker, and goes on.
   */
  crashAt(point: CrashPoint, options?: { readonly ifPassed?: boolean }): void;
  /** Every await of storage, transaction and broker that was passed so far: each can be given to `crashAt`. */
  readonly crashPoints: readonly CrashPoint[];
  /** Where the process died so far. */
  readonly crashes: readonly CrashPoint[];
  /** Ends the process gracefully and disposes of broker and storage. Never ends your pool. */
  stop(): Promise<void>;
}

/** A bed in memory. */
export type MemoryTestBed<B extends Broker = MemoryBroker> = TestBed<MemoryTransaction, MemoryStorage, B>;

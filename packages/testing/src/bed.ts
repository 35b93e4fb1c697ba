import {
  createWaybill,
  type Broker,
  type Clock,
  type ConsumerOptions,
  type EventListener,
  type RelayOptions,
  type Storage,
  type Topic,
  type Waybill,
} from "@waybill/core";
import { Activity, NotDone, realPause } from "./activity.ts";
import { bedMessage, ofTopic, type BedMessage, type MessageOf } from "./bed-message.ts";
import { bedProcess, bedRandom, type BedProcess } from "./bed-process.ts";
import type { CrashPoint } from "./crash-point.ts";
import type { FakeClock } from "./fake-clock.ts";
import { Journal } from "./journal.ts";
import { settleBed } from "./settle.ts";
import type { DeadMessage, HandledMessage, ParkedCount, SettleOptions, TestBed } from "./test-bed.ts";
import { testersStorage } from "./testers-storage.ts";
import { Tripwire } from "./tripwire.ts";

/** How often a bed looks whether parked messages of a real database are due. Milliseconds of real time. */
const LOOK_AGAIN_MS = 20;
const LISTED_MAX = 10_000;
const MOVES_MAX = 10_000;
/** Short where other processes may want the lease after a test that ended badly, long where nobody can. */
const LEASE_MS = { realTime: 5_000, fakeTime: 600_000 } as const;

export interface BedParts<Tx, S extends Storage<Tx>, B extends Broker> {
  readonly source: string;
  readonly makeStorage: () => S;
  readonly makeBroker: () => B;
  readonly setup: (waybill: Waybill<Tx>) => void;
  readonly topics: readonly Topic[];
  readonly consumer: ConsumerOptions;
  readonly relay: RelayOptions;
  readonly onEvent: EventListener;
  readonly patienceMs: number;
  readonly clock: FakeClock;
  /** Whether time moves only by `advance`. */
  readonly fakeTime: boolean;
}

export class Bed<Tx, S extends Storage<Tx>, B extends Broker> implements TestBed<Tx, S, B> {
  readonly waybill: Waybill<Tx>;
  readonly clock: Clock;
  readonly storage: S;
  readonly broker: B;
  readonly #parts: BedParts<Tx, S, B>;
  readonly #activity = new Activity();
  readonly #journal = new Journal();
  readonly #tripwire = new Tripwire();
  #process: BedProcess;
  #mustCrash = false;
  #stopped = false;

  constructor(parts: BedParts<Tx, S, B>) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.storage = parts.makeStorage();
    this.broker = parts.makeBroker();
    const { source, clock, onEvent } = parts;
    const storage = testersStorage(this.storage, this.#journal);
    this.waybill = createWaybill<Tx>({ source, storage, clock, random: bedRandom, onEvent });
    this.#process = this.#newProcess(this.storage, this.broker);
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.storage.transaction(work);
  }

  async settle(options: SettleOptions = {}): Promise<void> {
    const { movesMax = MOVES_MAX, untilMs = 0 } = options;
    if (untilMs > 0 && this.#parts.fakeTime) {
      throw new Error("settle: untilMs waits for a real database; here the clock is fake: use advance(ms).");
    }
    await this.#settle(movesMax);
    for (let leftMs = untilMs; leftMs > 0; leftMs -= LOOK_AGAIN_MS) {
      if ((await this.storage.parked.count(1)).length === 0) break;
      await realPause(Math.min(LOOK_AGAIN_MS, leftMs));
      await this.#settle(movesMax);
    }
    if (!this.#mustCrash || this.#tripwire.armed === null) return;
    const { armed } = this.#tripwire;
    this.#tripwire.disarm();
    throw new Error(`settle: the process was to die at "${armed}", and settled without passing it.`);
  }

  async advance(ms: number): Promise<void> {
    const { clock, fakeTime } = this.#parts;
    if (!fakeTime) {
      throw new Error(
        "advance: here the clock of the database decides what is due, and nobody can move it. Use settle({ untilMs }), " +
          "short delays, or a bed in memory (or your storage's own fake clock, given as `clock`).",
      );
    }
    if (!(ms >= 0)) throw new Error(`advance: ${ms} is not a number of milliseconds from 0.`);
    const end = clock.now() + ms;
    let next: number | null = clock.now();
    while (next !== null && next <= end) {
      clock.moveTo(next);
      await this.#settleOnTheWay(end);
      next = this.#nextTime();
    }
    clock.moveTo(end);
    await this.settle();
  }

  /** A handler that hangs may be waiting for its deadline, which is on the way. */
  async #settleOnTheWay(end: number): Promise<void> {
    try {
      await this.settle();
    } catch (error) {
      const next = this.#nextTime();
      if (!(error instanceof NotDone) || next === null || next > end) throw error;
    }
  }

  sent<T extends Topic>(topic?: T): readonly MessageOf<T>[] {
    return ofTopic(this.#journal.sent, topic);
  }

  handled<T extends Topic>(group?: string, topic?: T): readonly HandledMessage<T>[] {
    return this.#journal.handled
      .filter((one) => group === undefined || one.group === group)
      .flatMap((one) => ofTopic([one.envelope], topic).map((message) => ({ ...message, group: one.group })));
  }

  async deadLetters(): Promise<readonly DeadMessage[]> {
    const letters = await this.storage.deadLetters.list(LISTED_MAX, { states: ["dead"] });
    return letters.map(({ group, attempts, reason, error, diedAt, envelope }) => {
      const message: BedMessage = bedMessage(envelope);
      return { ...message, group, attempts, reason, error, diedAt };
    });
  }

  parked(): Promise<readonly ParkedCount[]> {
    return this.storage.parked.count(LISTED_MAX);
  }

  async redeliver(what?: Topic | { readonly id: string }): Promise<number> {
    await this.settle();
    const again = this.#journal.delivered.filter(({ envelope }) => {
      if (what === undefined) return true;
      return "id" in what ? envelope.id === what.id : envelope.topic === what.name;
    });
    for (const { group, envelope } of again) {
      const live = this.#process.groups.find((one) => one.group === group);
      if (live === undefined) throw new Error(`redeliver: no group ${group} runs in this bed.`);
      void live.deliver({ envelope, redelivered: true }).catch(() => undefined);
    }
    await this.settle();
    return again.length;
  }

  crashAt(point: CrashPoint, options: { readonly ifPassed?: boolean } = {}): void {
    this.#tripwire.arm(point);
    this.#mustCrash = options.ifPassed !== true;
  }

  get crashPoints(): readonly CrashPoint[] {
    return [...this.#tripwire.passed];
  }

  get crashes(): readonly CrashPoint[] {
    return [...this.#tripwire.crashes];
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#tripwire.disarm();
    const process = this.#process;
    if (process.started && !process.life.dead) {
      const stopping = process.stop();
      await this.#activity.quiet(this.#parts.patienceMs).catch(() => undefined);
      await Promise.race([stopping, realPause(this.#parts.patienceMs)]);
    }
    process.life.die();
    await this.#activity.quiet(this.#parts.patienceMs).catch(() => undefined);
    await this.broker[Symbol.asyncDispose]();
    await this.storage[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #settle(movesMax: number): Promise<void> {
    if (this.#stopped) throw new Error("settle: this bed was stopped; create another one.");
    const { clock, fakeTime, patienceMs } = this.#parts;
    return settleBed(
      {
        living: () => this.#living(),
        kill: () => this.#process.life.die(),
        activity: this.#activity,
        journal: this.#journal,
        broker: this.broker,
        clock,
        fakeTime,
        patienceMs,
      },
      movesMax,
    );
  }

  #living(): BedProcess {
    if (this.#process.life.dead || this.#process.failure !== null) {
      this.#process = this.#newProcess(this.#parts.makeStorage(), this.#parts.makeBroker());
    }
    return this.#process;
  }

  #newProcess(storage: S, broker: B): BedProcess {
    const { source, setup, topics, consumer, relay, onEvent, clock, fakeTime } = this.#parts;
    return bedProcess<Tx>({
      source,
      storage,
      broker,
      setup,
      topics,
      consumer,
      relay: { ...relay, leaseMs: fakeTime ? LEASE_MS.fakeTime : LEASE_MS.realTime },
      onEvent,
      clock,
      now: fakeTime ? () => clock.now() : () => Date.now(),
      activity: this.#activity,
      journal: this.#journal,
      tripwire: this.#tripwire,
    });
  }

  #nextTime(): number | null {
    const { clock } = this.#parts;
    const times = [clock.nextTimerAt(), this.#journal.nextDue(clock.now())].filter((at) => at !== null);
    return times.length === 0 ? null : Math.min(...times);
  }
}

import {
  createWaybill,
  systemRandom,
  type Broker,
  type ConsumerOptions,
  type EventListener,
  type Random,
  type RelayOptions,
  type Storage,
  type Topic,
  type Waybill,
} from "@waybill/core";
import type { Activity } from "./activity.ts";
import { bedCron } from "./bed-cron.ts";
import type { FakeClock } from "./fake-clock.ts";
import { guardedBroker, type LiveGroup } from "./guarded-broker.ts";
import { guardedStorage } from "./guarded-storage.ts";
import type { Journal } from "./journal.ts";
import { Life } from "./life.ts";
import { NEVER_BY_ITSELF_MS, processClock } from "./process-clock.ts";
import type { Tripwire } from "./tripwire.ts";

/** Retries come at their full times: chance would make tests differ from run to run. */
export const bedRandom: Random = { bytes: (count) => systemRandom.bytes(count), fraction: () => 0 };

export interface ProcessParts<Tx> {
  readonly source: string;
  readonly storage: Storage<Tx>;
  readonly broker: Broker;
  readonly setup: (waybill: Waybill<Tx>) => void;
  readonly topics: readonly Topic[];
  readonly consumer: ConsumerOptions;
  readonly relay: RelayOptions;
  readonly onEvent: EventListener;
  readonly clock: FakeClock;
  /** The clock by which things are due, milliseconds since the epoch. */
  readonly now: () => number;
  readonly activity: Activity;
  readonly journal: Journal;
  readonly tripwire: Tripwire;
}

/** A process that runs a relay, the scheduler and all groups, and may die at every await. */
export interface BedProcess {
  readonly life: Life;
  readonly groups: readonly LiveGroup[];
  /** Why it does not publish: another process holds the lease. */
  readonly standsBy: string | null;
  /** Starts it in the background; what goes wrong is in `failure`. */
  start(): void;
  readonly started: boolean;
  readonly failure: { readonly error: unknown } | null;
  /** Has everything looked after that is looked after by the clock otherwise. */
  look(all: boolean): void;
  stop(): Promise<void>;
}

/** Makes a process over what outlives it. The setup runs at once. */
export function bedProcess<Tx>(parts: ProcessParts<Tx>): BedProcess {
  const { activity, journal } = parts;
  const life = new Life(activity, parts.tripwire);
  const cron = bedCron();
  const clock = processClock(parts.clock, life, activity);
  const groups: LiveGroup[] = [];
  const listeners: (() => void)[] = [];
  const state: { standsBy: string | null; started: boolean; failure: { error: unknown } | null } = {
    standsBy: null,
    started: false,
    failure: null,
  };
  const waybill = createWaybill<Tx>({
    source: parts.source,
    storage: guardedStorage(parts.storage, {
      life,
      journal,
      now: parts.now,
      onListen: (nudge) => listeners.push(nudge),
      onHeld: (owner, expiresInMs) => (state.standsBy = `${owner} holds it for ${expiresInMs} ms more`),
    }),
    broker: guardedBroker(parts.broker, {
      life,
      journal,
      activity,
      elsewhere: parts.topics.map(({ name }) => name),
      onSubscribed: (group) => groups.push(group),
    }),
    relay: { ...parts.relay, pollBusyMs: NEVER_BY_ITSELF_MS, pollIdleMs: NEVER_BY_ITSELF_MS },
    consumer: parts.consumer,
    topics: parts.topics,
    random: bedRandom,
    clock,
    cron,
    onEvent(event) {
      if (event.type === "relay.leading") state.standsBy = null;
      if (event.type === "relay.paused") clock.relaySleeps();
      parts.onEvent(event);
    },
  });
  parts.setup(waybill);

  async function run(): Promise<void> {
    try {
      await waybill.start();
      state.started = true;
    } catch (error) {
      state.failure = { error };
    }
  }

  return {
    life,
    groups,
    get standsBy() {
      return state.standsBy;
    },
    get started() {
      return state.started;
    },
    get failure() {
      return state.failure;
    },
    start: () => void run(),
    look(all) {
      for (const nudge of listeners) nudge();
      cron.tick(all);
    },
    stop: () => waybill.stop({ deadlineMs: 0 }),
  };
}

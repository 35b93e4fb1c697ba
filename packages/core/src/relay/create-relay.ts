import { toError } from "../errors/describe-error.ts";
import { isWaybillError } from "../errors/waybill-error.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import { settledWithin } from "../ports/settled-within.ts";
import type { Storage } from "../ports/storage.ts";
import { processName } from "../system/process-name.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import { brokerGate, type BrokerGate } from "./broker-gate.ts";
import { ServerChanged } from "./chunk-reader.ts";
import type { OrderOf } from "./key-order.ts";
import { keepLease, type LeaseKeeper } from "./lease-keeper.ts";
import { relayOptionsSchema, type RelayOptions } from "./relay-options.ts";
import { beginTerm, type RelayTerm } from "./relay-term.ts";
import { sendParked } from "./send-parked.ts";

/** Where a relay stands. */
export type RelayStatus =
  | { readonly state: "standby"; readonly holder: string | null }
  | {
      readonly state: "leading";
      readonly epoch: number;
      readonly published: number;
      readonly trouble: string | null;
    }
  | { readonly state: "stopped" };

/**
 * Publishes one outbox. Any number of relays may run for a source: one leads, the others stand by. A relay used alone
 * wants `lead` and `sendParked` to be called again and again, which the scheduler's jobs do.
 */
export interface Relay {
  /**
   * Takes the lease if it is free or has expired, and publishes under it in the background until it is lost. Answers
   * at once where the relay stands then; a relay that leads already goes on.
   */
  lead(): Promise<RelayStatus>;
  /** Something committed: look now. Answers whether this relay leads. */
  nudge(): boolean;
  /** Has the messages that are due sent before the next chunk. Resolves when the sweep is done, `null` on a standby. */
  sendParked(): Promise<{ readonly published: number; readonly dead: number } | null>;
  /** Ends the pause after a failed publish, so that what is unconfirmed is published again now. Answers whether there was one. */
  reconcile(): boolean;
  status(): RelayStatus;
  /**
   * Finishes the publish in flight, gives the lease back and stays stopped. A broker that does not answer is left after
   * `deadlineMs` (default 10 s): the next relay publishes those messages again.
   */
  stop(options?: { readonly deadlineMs: number }): Promise<void>;
}

export interface RelayParts<Tx> {
  readonly source: string;
  readonly storage: Pick<Storage<Tx>, "relay" | "outbox" | "parked">;
  readonly broker: Broker;
  readonly options?: RelayOptions;
  /** How topics treat messages behind a parked one; topics it does not know are `blocking`. */
  readonly orderOf?: OrderOf;
  readonly onEvent?: EventListener;
  /** Names this process in the lease. Default host, process id and a random part. */
  readonly owner?: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Idle looks after which the relay polls slowly. */
const BUSY_LOOKS = 50;
/** An idle cursor is made durable this often, so that old tables can be emptied. Milliseconds. */
const SAVE_IDLE_EVERY_MS = 30_000;

/** Makes the relay of a source. It does nothing until `lead` is called. */
export function createRelay<Tx>(parts: RelayParts<Tx>): Relay {
  return new RelayProcess(parts);
}

interface Sweep {
  readonly resolve: (swept: { published: number; dead: number } | null) => void;
}

class RelayProcess<Tx> implements Relay {
  readonly #parts: RelayParts<Tx>;
  readonly #options;
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #emit: EventListener;
  readonly #stopped = new AbortController();
  #leading: {
    readonly keeper: LeaseKeeper;
    readonly gate: BrokerGate;
    term: RelayTerm | null;
    readonly done: Promise<void>;
  } | null = null;
  #attempt: Promise<RelayStatus> | null = null;
  #holder: string | null = null;
  #cancelNextAttempt = (): void => undefined;
  #nudged = false;
  #wake: AbortController | null = null;
  #sweeps: Sweep[] = [];

  constructor(parts: RelayParts<Tx>) {
    this.#parts = parts;
    this.#options = parseOptions("createRelay", relayOptionsSchema, parts.options ?? {});
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? systemRandom;
    this.#owner = parts.owner ?? processName(this.#random);
    this.#emit = parts.onEvent ?? (() => undefined);
  }

  lead(): Promise<RelayStatus> {
    if (this.#stopped.signal.aborted || this.#leading !== null) return Promise.resolve(this.status());
    this.#attempt ??= this.#tryToLead().finally(() => (this.#attempt = null));
    return this.#attempt;
  }

  async #tryToLead(): Promise<RelayStatus> {
    const { relay } = this.#parts.storage;
    const { leaseMs } = this.#options;
    const answer = await relay.acquire(this.#owner, leaseMs);
    if (answer.kind === "held") {
      if (this.#holder !== answer.owner) {
        this.#emit({
          type: "relay.standby",
          level: "info",
          holder: answer.owner,
          expiresInMs: answer.expiresInMs,
        });
      }
      this.#holder = answer.owner;
      this.#tryAgainWhenItEnds(answer.expiresInMs);
      return this.status();
    }
    this.#holder = null;
    const { lease } = answer;
    if (this.#stopped.signal.aborted) {
      await relay.release(lease);
      return this.status();
    }
    if (lease.renewedBecause !== null) {
      this.#emit({
        type: "relay.incarnation",
        level: "error",
        incarnation: lease.incarnation,
        reason: lease.renewedBecause,
      });
    }
    const keeper = keepLease(relay, lease, leaseMs, this.#clock);
    const gate = brokerGate({
      broker: this.#parts.broker,
      source: this.#parts.source,
      keeper,
      clock: this.#clock,
      random: this.#random,
      pauseMaxMs: this.#options.pauseMaxMs,
      emit: this.#emit,
    });
    this.#leading = { keeper, gate, term: null, done: Promise.resolve() };
    this.#leading = { keeper, gate, term: null, done: this.#serve(keeper, gate) };
    this.#emit({ type: "relay.leading", level: "info", epoch: lease.epoch, owner: this.#owner });
    return this.status();
  }

  /** Once, when the lease that another holds would end; after that it is for the scheduler to call `lead`. */
  #tryAgainWhenItEnds(expiresInMs: number): void {
    this.#cancelNextAttempt();
    this.#cancelNextAttempt = this.#clock.after(expiresInMs + 1, () => {
      this.lead().catch((thrown: unknown) => {
        this.#emit({ type: "relay.paused", level: "warn", retryInMs: 1_000, error: toError(thrown) });
      });
    });
  }

  /** One term, from the lease to its loss. Never rejects: what ends a term is reported, and `lead` begins another. */
  async #serve(keeper: LeaseKeeper, gate: BrokerGate): Promise<void> {
    try {
      const term = await this.#begin(keeper, gate);
      if (this.#leading?.keeper === keeper) this.#leading.term = term;
      await this.#publishUntilStopped(term, keeper);
    } catch (thrown) {
      this.#report(thrown, keeper);
    }
    keeper.stop();
    this.#leading = null;
    for (const sweep of this.#sweeps.splice(0)) sweep.resolve(null);
    await this.#parts.storage.relay.release(keeper.lease).catch(() => undefined);
  }

  #begin(keeper: LeaseKeeper, gate: BrokerGate): Promise<RelayTerm> {
    const { storage, broker, source, orderOf } = this.#parts;
    return beginTerm({
      store: storage.relay,
      outbox: storage.outbox,
      parked: storage.parked,
      broker,
      gate,
      keeper,
      source,
      options: this.#options,
      rules: {
        retry: this.#options.retry,
        orderOf: orderOf ?? (() => "blocking"),
        fraction: () => this.#random.fraction(),
      },
      clock: this.#clock,
      emit: this.#emit,
    });
  }

  async #publishUntilStopped(term: RelayTerm, keeper: LeaseKeeper): Promise<void> {
    let idleLooks = 0;
    let savedAt = this.#clock.monotonicMs();
    while (!this.#stopped.signal.aborted && !keeper.signal.aborted) {
      this.#nudged = false;
      const swept = await this.#sweep(term);
      const settled = await term.publishNext();
      idleLooks = settled + swept > 0 ? 0 : idleLooks + 1;
      if (idleLooks === 0 || this.#nudged || this.#sweeps.length > 0) continue;
      if (this.#clock.monotonicMs() - savedAt > SAVE_IDLE_EVERY_MS) {
        await term.saveIdleCursor();
        savedAt = this.#clock.monotonicMs();
      }
      await this.#rest(idleLooks < BUSY_LOOKS ? this.#options.pollBusyMs : this.#options.pollIdleMs, keeper);
    }
  }

  async #rest(ms: number, keeper: LeaseKeeper): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    await this.#clock.sleep(ms, AbortSignal.any([wake.signal, keeper.signal, this.#stopped.signal]));
    this.#wake = null;
  }

  async #sweep(term: RelayTerm): Promise<number> {
    const waiting = this.#sweeps.splice(0);
    if (waiting.length === 0) return 0;
    try {
      const swept = await sendParked(term, this.#parts.storage.parked, this.#emit);
      for (const sweep of waiting) sweep.resolve(swept);
      return swept.published + swept.dead;
    } catch (thrown) {
      for (const sweep of waiting) sweep.resolve(null);
      throw thrown;
    }
  }

  #report(thrown: unknown, keeper: LeaseKeeper): void {
    if (isWaybillError(thrown, "LEASE_LOST") || thrown instanceof ServerChanged) {
      this.#emit({ type: "relay.lease-lost", level: "warn", epoch: keeper.lease.epoch });
    } else {
      this.#emit({ type: "relay.paused", level: "warn", retryInMs: 1_000, error: toError(thrown) });
    }
  }

  nudge(): boolean {
    this.#nudged = true;
    this.#wake?.abort();
    return this.#leading !== null;
  }

  sendParked(): Promise<{ published: number; dead: number } | null> {
    if (this.#leading === null) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#sweeps.push({ resolve });
      this.#wake?.abort();
    });
  }

  reconcile(): boolean {
    return this.#leading?.gate.tryNow() ?? false;
  }

  status(): RelayStatus {
    if (this.#stopped.signal.aborted) return { state: "stopped" };
    if (this.#leading === null) return { state: "standby", holder: this.#holder };
    const { keeper, gate, term } = this.#leading;
    return {
      state: "leading",
      epoch: keeper.lease.epoch,
      published: term?.published ?? 0,
      trouble: gate.trouble?.message ?? null,
    };
  }

  async stop(options: { readonly deadlineMs: number } = { deadlineMs: 10_000 }): Promise<void> {
    this.#stopped.abort();
    this.#cancelNextAttempt();
    this.#wake?.abort();
    await this.#attempt?.catch(() => undefined);
    const leading = this.#leading;
    if (leading === null) return;
    if (leading.gate.trouble !== null) leading.keeper.stop();
    await settledWithin(leading.done, options.deadlineMs, this.#clock);
    leading.keeper.stop();
    await leading.done;
  }
}

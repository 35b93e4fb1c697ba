import type { Clock } from "../ports/clock.ts";
import type { Broker } from "../ports/broker.ts";
import type { EventListener } from "../ports/events.ts";
import type { OutboxStore } from "../ports/outbox-store.ts";
import type { ParkedStore } from "../ports/parked-store.ts";
import type { OpenWindow, Progress, RelayStep, RelayStore } from "../ports/relay-store.ts";
import { allotPositions, type Allotted } from "./allot-positions.ts";
import type { BrokerGate } from "./broker-gate.ts";
import { chunkReader, type Chunk, type ChunkReader } from "./chunk-reader.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { publishInOrder, type PublishContext, type PublishOutcome } from "./publish-in-order.ts";
import type { ResolvedRelayOptions } from "./relay-options.ts";
import {
  announceVoid,
  buryExpired,
  buryRefused,
  parkBehind,
  parkDelayed,
  parkForRetry,
  retryDelayMs,
  type Lived,
  type SettleRules,
} from "./settle.ts";

/** What a relay does under one lease, from taking it until it is lost. */
export interface RelayTerm {
  readonly context: PublishContext;
  readonly rules: SettleRules;
  readonly reader: ChunkReader;
  /** How many were published under this lease. */
  readonly published: number;
  /** Publishes one chunk, if there is one. Answers how many rows it settled. */
  publishNext(): Promise<number>;
  /** Makes a step durable on top of where the cursor stands. @throws WaybillError `LEASE_LOST` */
  save(change: Partial<RelayStep>): Promise<void>;
  /** The next sequence of `topic/partition`. */
  nextSequence(stream: string): number;
  /** Makes what was only moved in memory durable, so that old tables can be emptied. */
  saveIdleCursor(): Promise<void>;
}

export interface TermParts {
  readonly store: RelayStore;
  readonly outbox: Pick<OutboxStore<never>, "openWindow" | "readWindow">;
  readonly parked: Pick<ParkedStore<never>, "blockedOutgoing">;
  readonly broker: Broker;
  readonly gate: BrokerGate;
  readonly keeper: LeaseKeeper;
  readonly source: string;
  readonly options: ResolvedRelayOptions;
  readonly rules: SettleRules;
  readonly clock: Clock;
  readonly emit: EventListener;
}

/** Begins a term: fences the broker, loads how far the predecessor came, and what of it waits. */
export async function beginTerm(parts: TermParts): Promise<RelayTerm> {
  const { store, keeper, rules, options } = parts;
  await parts.gate.opened();
  const progress = await store.load(keeper.lease);
  const context: PublishContext = {
    broker: parts.broker,
    gate: parts.gate,
    keeper,
    source: parts.source,
    timeoutMs: options.publishTimeoutMs,
    orderOf: rules.orderOf,
    blocked: new Set(await parts.parked.blockedOutgoing()),
  };
  return new PublishingTerm(parts, context, progress);
}

class PublishingTerm implements RelayTerm {
  readonly context: PublishContext;
  readonly rules: SettleRules;
  readonly reader: ChunkReader;
  published = 0;
  readonly #parts: TermParts;
  readonly #sequences: Map<string, number>;
  #durable: { readonly from: string; readonly window: OpenWindow | null };
  #ahead: Promise<Chunk | null> | null = null;
  /** A save that runs while the next chunk of the same window is being published. */
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: TermParts, context: PublishContext, progress: Progress) {
    this.#parts = parts;
    this.context = context;
    this.rules = parts.rules;
    this.#sequences = new Map(progress.sequences);
    this.#durable = { from: progress.from, window: progress.window };
    this.reader = chunkReader(parts.outbox, progress, parts.options.chunkRowsMax);
  }

  async publishNext(): Promise<number> {
    let chunk = await this.#take();
    let settled = 0;
    if (chunk?.opensWindow) await this.save({ from: chunk.window.from, window: chunk.window });
    while (chunk !== null) {
      const allotted = this.#allot(chunk);
      const ahead = this.#readAhead();
      const outcome = await publishInOrder(allotted.publish, this.context);
      this.published += outcome.confirmed.length;
      this.#parts.emit({ type: "relay.published", level: "debug", count: outcome.confirmed.length });
      settled += chunk.rows.length;
      const next = await ahead;
      await this.#settle(chunk, allotted, outcome, next);
      if (next === null || settled >= SETTLED_PER_CALL_MAX) break;
      chunk = await this.#take();
    }
    await this.#saving;
    return settled;
  }

  async save(change: Partial<RelayStep>): Promise<void> {
    await this.#saving;
    const step: RelayStep = {
      ...this.#durable,
      sequences: new Map(),
      park: [],
      dead: [],
      parked: [],
      ...change,
    };
    const { keeper, store } = this.#parts;
    if (!(await store.apply(keeper.lease, step))) throw keeper.lose();
    this.#durable = { from: step.from, window: step.window };
    this.#advance(step.sequences);
  }

  /** Only upwards: a save that ends late must not undo what the next chunk was given meanwhile. */
  #advance(sequences: ReadonlyMap<string, number>): void {
    for (const [stream, sequence] of sequences) {
      this.#sequences.set(stream, Math.max(sequence, this.nextSequence(stream)));
    }
  }

  nextSequence(stream: string): number {
    return this.#sequences.get(stream) ?? 0;
  }

  async saveIdleCursor(): Promise<void> {
    if (this.#ahead === null && this.reader.idle && this.reader.from !== this.#durable.from) {
      await this.save({ from: this.reader.from, window: null });
    }
  }

  #take(): Promise<Chunk | null> {
    const chunk = this.#ahead ?? this.reader.next();
    this.#ahead = null;
    return chunk;
  }

  /** The next chunk is read while this one is being confirmed. */
  #readAhead(): Promise<Chunk | null> {
    const ahead = this.reader.next();
    ahead.catch(() => undefined);
    this.#ahead = ahead;
    void ahead.then(
      (chunk) => {
        if (chunk === null && this.#ahead === ahead) this.#ahead = null;
      },
      () => undefined,
    );
    return ahead;
  }

  #allot(chunk: Chunk): Allotted {
    const allotted = allotPositions(chunk.rows, {
      now: chunk.window.now,
      incarnation: this.#parts.keeper.lease.incarnation,
      sequences: this.#sequences,
    });
    this.#advance(allotted.sequences);
    return allotted;
  }

  async #settle(
    chunk: Chunk,
    allotted: Allotted,
    outcome: PublishOutcome,
    next: Chunk | null,
  ): Promise<void> {
    const change: Partial<RelayStep> = {
      ...this.#leftOver(chunk, allotted, outcome),
      sequences: allotted.sequences,
      ...chunk.after,
    };
    if (next?.opensWindow) return this.save({ ...change, from: next.window.from, window: next.window });
    if (next === null) return this.save(change);
    // Same window: a successor would read these rows again from the last save, so the next chunk need not wait.
    await this.#saving;
    this.#saving = this.save(change);
    this.#saving.catch(() => undefined);
  }

  #leftOver(chunk: Chunk, allotted: Allotted, outcome: PublishOutcome): Pick<RelayStep, "park" | "dead"> {
    const { rules } = this;
    const { delayed, expired } = allotted;
    if (delayed.length + expired.length + outcome.refused.length + outcome.behind.length === 0)
      return NOTHING_LEFT;
    const expiry = new Map(chunk.rows.map((row) => [row.envelope.id, row.expiresAt]));
    const park = delayed.map((row) => parkDelayed(row, rules));
    const dead = expired.map((row) => buryExpired(row.envelope, row.expiresAt ?? 0, UNPARKED, rules));
    for (const refusal of outcome.refused) {
      const delayMs = retryDelayMs(refusal, 1, rules);
      if (delayMs !== null)
        park.push(parkForRetry(refusal, delayMs, expiry.get(refusal.envelope.id) ?? null, rules));
      else {
        dead.push(buryRefused(refusal, { ...UNPARKED, attempts: 1 }, rules));
        park.push(...announceVoid(refusal.envelope, "rejected", rules));
      }
    }
    park.push(
      ...outcome.behind.map((envelope) => parkBehind(envelope, expiry.get(envelope.id) ?? null, rules)),
    );
    reportLeftOver(this.#parts.emit, park, dead);
    return { park, dead };
  }
}

const NOTHING_LEFT: Pick<RelayStep, "park" | "dead"> = { park: [], dead: [] };

/** A message straight from the outbox. */
const UNPARKED: Lived = { attempts: 0, parkedAt: null };

/** After this many rows a term looks up from the outbox: parked messages may be due. */
const SETTLED_PER_CALL_MAX = 20_000;

function reportLeftOver(emit: EventListener, park: RelayStep["park"], dead: RelayStep["dead"]): void {
  for (const { envelope, group, reason, attempts, error } of park) {
    if (reason === "retry" || reason === "behind") {
      emit({ type: "message.parked", level: "warn", group, message: envelope, reason, attempts, error });
    }
  }
  for (const { envelope, group, reason, error } of dead) {
    emit({ type: "message.dead", level: "error", group, message: envelope, reason, error });
  }
}

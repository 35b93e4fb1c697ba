import { toError } from "../errors/describe-error.ts";
import type { WaybillError } from "../errors/waybill-error.ts";
import { addressedTo } from "../message/addressee.ts";
import type { Envelope } from "../message/envelope.ts";
import type { PublishResult, Verdict } from "../ports/broker.ts";
import { pauseMs } from "../retry/pause.ts";
import type { MutableCounts } from "./bridge-counts.ts";
import type { ResolvedBridgeOptions } from "./bridge-options.ts";

/** One call publishes so many at most, so that the first of them need not wait long for the last. */
const CALL_MAX = 500;

/** A message on its way to the target. */
interface Passage {
  readonly group: string;
  readonly envelope: Envelope;
  readonly copy: Envelope;
  readonly counts: MutableCounts;
  /** Tells the source whether the message is safe elsewhere. */
  readonly settle: (verdict: Verdict) => void;
  /** How often the target refused it. */
  refusals: number;
  published: boolean;
}

/** The messages of one group and key: one is on its way, the others wait for its confirm. */
interface Lane {
  readonly waiting: Passage[];
  /** Its first message was rejected; nothing follows. */
  stuck: boolean;
}

/**
 * Publishes what a bridge has read, each message addressed to the group that it was read for. A key has one
 * unconfirmed message at a time, so that its order holds on every broker, whatever the target refuses or loses.
 */
export class KeyPublisher {
  readonly #options: ResolvedBridgeOptions;
  readonly #open = new Set<Passage>();
  readonly #lanes = new Map<string, Lane>();
  readonly #ended = new AbortController();
  #ready: Passage[] = [];
  #publishing: Promise<void> | null = null;
  /** Refused for now, waiting for their next try. */
  #delayed = 0;
  #failures = 0;
  #troubledSince: number | null = null;

  constructor(options: ResolvedBridgeOptions) {
    this.#options = options;
  }

  /** Nothing is on its way. Rejected messages, and those behind them, are not. */
  get isQuiet(): boolean {
    return this.#publishing === null && this.#delayed === 0;
  }

  /** Resolves with `ack` when the target has confirmed, and with `requeue` at the end if it has not. */
  publish(group: string, envelope: Envelope, counts: MutableCounts): Promise<Verdict> {
    return new Promise((settle) => {
      const copy = addressedTo(group, envelope);
      const passage = { group, envelope, copy, counts, settle, refusals: 0, published: false };
      this.#open.add(passage);
      this.#enter(passage);
    });
  }

  /** Publishes nothing more, and gives back what is not confirmed once no call is under way. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#publishing;
    for (const { settle } of this.#open) settle({ kind: "requeue" });
    this.#open.clear();
  }

  #enter(passage: Passage): void {
    const name = laneOf(passage);
    const lane = name === null ? undefined : this.#lanes.get(name);
    if (lane !== undefined) {
      lane.waiting.push(passage);
      if (lane.stuck) passage.counts.behind += 1;
      return;
    }
    if (name !== null) this.#lanes.set(name, { waiting: [], stuck: false });
    this.#makeReady(passage);
  }

  #makeReady(passage: Passage): void {
    this.#ready.push(passage);
    this.#publishing ??= this.#publishAll();
  }

  async #publishAll(): Promise<void> {
    // What else arrives in this turn goes into the same call.
    await Promise.resolve();
    while (this.#ready.length > 0 && !this.#ended.signal.aborted) {
      const batch = this.#ready.splice(0, CALL_MAX);
      const results = await this.#publishOnce(batch);
      let trouble: Error | null = null;
      const again: Passage[] = [];
      for (const [index, passage] of batch.entries()) {
        const result = results[index] ?? noResult(this.#options.to.name);
        if (result.kind === "confirmed") this.#confirmed(passage);
        else if (result.kind === "rejected") this.#refused(passage, result.error, result.retryable);
        else again.push(passage);
        if (result.kind === "unknown") trouble ??= result.error;
      }
      this.#ready.unshift(...again);
      if (trouble === null) this.#wentWell();
      else await this.#pause(trouble);
    }
    this.#publishing = null;
  }

  async #publishOnce(batch: readonly Passage[]): Promise<readonly PublishResult[]> {
    const { to, publishTimeoutMs } = this.#options;
    for (const passage of batch) {
      if (!passage.published) passage.counts.published += 1;
      passage.published = true;
    }
    try {
      // Opening an open broker does nothing.
      await to.open();
      const copies = batch.map(({ copy }) => copy);
      return await to.publish(copies, { fence: null, timeoutMs: publishTimeoutMs });
    } catch (thrown) {
      const error = toError(thrown);
      return batch.map(() => ({ kind: "unknown", error }));
    }
  }

  #confirmed(passage: Passage): void {
    passage.counts.confirmed += 1;
    passage.settle({ kind: "ack" });
    this.#open.delete(passage);
    const name = laneOf(passage);
    if (name === null) return;
    const next = this.#lanes.get(name)?.waiting.shift();
    if (next === undefined) this.#lanes.delete(name);
    else this.#ready.push(next);
  }

  #refused(passage: Passage, error: WaybillError, retryable: boolean): void {
    const { attempts, pauseMaxMs, clock, random, onEvent } = this.#options;
    passage.refusals += 1;
    if (retryable && passage.refusals < attempts) {
      this.#delayed += 1;
      clock.after(pauseMs(passage.refusals, pauseMaxMs, random.fraction()), () => {
        this.#delayed -= 1;
        this.#makeReady(passage);
      });
      return;
    }
    const { group, envelope, counts } = passage;
    const name = laneOf(passage);
    const lane = name === null ? undefined : this.#lanes.get(name);
    counts.rejected += 1;
    if (lane !== undefined) {
      lane.stuck = true;
      counts.behind += lane.waiting.length;
    }
    onEvent({ type: "bridge.rejected", level: "error", group, message: envelope, error });
  }

  #wentWell(): void {
    const { clock, onEvent } = this.#options;
    if (this.#troubledSince !== null) {
      const pausedMs = Math.round(clock.monotonicMs() - this.#troubledSince);
      onEvent({ type: "bridge.resumed", level: "info", pausedMs });
    }
    this.#troubledSince = null;
    this.#failures = 0;
  }

  /** The target is away, or may be: what it did not confirm is published again, with the same ids and positions. */
  async #pause(error: Error): Promise<void> {
    const { clock, random, pauseMaxMs, onEvent } = this.#options;
    this.#troubledSince ??= clock.monotonicMs();
    const retryInMs = pauseMs(this.#failures, pauseMaxMs, random.fraction());
    this.#failures += 1;
    onEvent({ type: "bridge.paused", level: "warn", retryInMs, error });
    await clock.sleep(retryInMs, this.#ended.signal);
  }
}

/** What orders a message; `null` when nothing does. */
function laneOf({ group, envelope: { topic, key } }: Passage): string | null {
  return key === null ? null : JSON.stringify([group, topic, key]);
}

function noResult(broker: string): PublishResult {
  return { kind: "unknown", error: new Error(`${broker} gave no result for a message`) };
}

import { isMeantFor } from "../message/addressee.ts";
import type { Delivery, Subscription, Verdict } from "../ports/broker.ts";
import { parseOptions } from "../options/parse-options.ts";
import { guarded } from "../system/report-to-console.ts";
import { noCounts, type BridgeCounts, type MutableCounts } from "./bridge-counts.ts";
import { bridgeOptionsSchema, type BridgeOptions, type ResolvedBridgeOptions } from "./bridge-options.ts";
import { KeyPublisher } from "./key-publisher.ts";

const ACK: Verdict = { kind: "ack" };
const LOOK_MS_MAX = 250;
const PROGRESS_MS = 1_000;

/** What a bridge did. */
export interface BridgeReport {
  /** `idle`: there was nothing left to do for `untilIdleMs`. `stopped`: `signal` ended it. */
  readonly ended: "idle" | "stopped";
  readonly groups: Readonly<Record<string, BridgeCounts>>;
}

/**
 * Moves the messages that wait for groups at one broker to another, with the same ids, positions, keys and headers. A
 * message is acknowledged at the source only after the target confirmed it (routed and durable), so at any moment it is
 * in one of them, or in both: the inboxes of the groups drop the second copy. The order of each key is kept.
 *
 * Each group's messages go as copies addressed to that group (header `waybill-group`), because a broker hands whatever is
 * published to all groups, and others may have applied it or have to apply something else before.
 *
 * While the target is away the bridge waits and publishes the same again. What the target refuses for good, or
 * `attempts` times, stays at the source with everything behind it in its key, and is reported. A bridge that was killed
 * is simply run again. Both brokers are opened if they are not, and stay open.
 *
 * Stop relays and consumers before; docs/moving-brokers.md has the steps.
 *
 * @throws WaybillError `OPTIONS_INVALID`, and what `open`, `declareGroup` and `subscribe` throw
 */
export async function bridge(options: BridgeOptions): Promise<BridgeReport> {
  const resolved = parseOptions("bridge", bridgeOptionsSchema, options);
  return new Bridge({ ...resolved, onEvent: guarded(resolved.onEvent) }).run();
}

class Bridge {
  readonly #options: ResolvedBridgeOptions;
  readonly #publisher: KeyPublisher;
  readonly #counts: ReadonlyMap<string, MutableCounts>;
  readonly #subscriptions: Subscription[] = [];
  #read = 0;

  constructor(options: ResolvedBridgeOptions) {
    this.#options = options;
    this.#publisher = new KeyPublisher(options);
    this.#counts = new Map(Object.keys(options.groups).map((group) => [group, noCounts()]));
  }

  async run(): Promise<BridgeReport> {
    const { from, to, groups } = this.#options;
    await Promise.all([from.open(), to.open()]);
    const topics = new Set(Object.values(groups).flat());
    await to.declare(Array.from(topics, (name) => ({ name })));
    // All of them before the first message: so the target routes it, and keeps what a relay publishes there next.
    for (const [group, wanted] of Object.entries(groups)) await to.declareGroup(group, wanted);
    let ended: BridgeReport["ended"];
    try {
      await this.#subscribe();
      ended = await this.#untilDone();
    } finally {
      await this.#end();
    }
    return { ended, groups: this.#report() };
  }

  async #subscribe(): Promise<void> {
    const { from, groups, prefetch } = this.#options;
    for (const [group, topics] of Object.entries(groups)) {
      const counts = this.#counts.get(group) ?? noCounts();
      const take = (delivery: Delivery): Promise<Verdict> => this.#take(group, delivery, counts);
      this.#subscriptions.push(await from.subscribe({ group, topics, prefetch }, take));
    }
  }

  #take(group: string, { envelope }: Delivery, counts: MutableCounts): Promise<Verdict> {
    this.#read += 1;
    counts.read += 1;
    if (isMeantFor(group, envelope)) return this.#publisher.publish(group, envelope, counts);
    counts.notMeant += 1;
    return Promise.resolve(ACK);
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  async #untilDone(): Promise<BridgeReport["ended"]> {
    const { clock, untilIdleMs = Number.POSITIVE_INFINITY, signal } = this.#options;
    const lookMs = Math.min(LOOK_MS_MAX, untilIdleMs / 5);
    let idleSince = clock.monotonicMs();
    let toldAt = idleSince;
    let seen = 0;
    let isTold = true;
    while (!this.#isStopped) {
      await clock.sleep(lookMs, signal);
      const now = clock.monotonicMs();
      const isIdle = this.#read === seen && this.#publisher.isQuiet && (await this.#sourceIsUp());
      if (!isIdle) {
        idleSince = now;
        isTold = false;
      }
      if (!isTold && now - toldAt >= PROGRESS_MS) {
        this.#tell();
        toldAt = now;
        isTold = true;
      }
      seen = this.#read;
      if (now - idleSince >= untilIdleMs) return "idle";
    }
    return "stopped";
  }

  /** Silence of a source that is down says nothing. */
  async #sourceIsUp(): Promise<boolean> {
    const { from } = this.#options;
    if ((await from.health()).status !== "down") return true;
    // Some brokers come back only when they are asked to; the next look tells.
    await from.open().catch(() => undefined);
    return false;
  }

  async #end(): Promise<void> {
    const { clock, stopDeadlineMs } = this.#options;
    // From here on, what is given back does not come again.
    for (const subscription of this.#subscriptions) subscription.pause();
    const until = clock.monotonicMs() + stopDeadlineMs;
    while (!this.#publisher.isQuiet && clock.monotonicMs() < until) await clock.sleep(LOOK_MS_MAX / 10);
    await this.#publisher.end();
    await Promise.all(this.#subscriptions.map((one) => one.close()));
    this.#tell();
  }

  #tell(): void {
    this.#options.onEvent({ type: "bridge.progress", level: "info", groups: this.#report() });
  }

  #report(): Record<string, BridgeCounts> {
    return Object.fromEntries(Array.from(this.#counts, ([group, counts]) => [group, { ...counts }]));
  }
}

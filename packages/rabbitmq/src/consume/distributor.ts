import type { Clock, Delivery, Envelope, Verdict } from "@waybill/core";
import type { DeliverySource, Entry, Lane } from "./lane.ts";

export type DeliveryHandler = (delivery: Delivery) => Promise<Verdict>;

const RETURN_PAUSE_MAX_MS = 1000;
/** Partition numbers of foreign producers are any; beyond this they share lanes. */
const LANES_PER_TOPIC_MAX = 1024;

/**
 * Hands the messages of a subscription to its handler, at most `prefetch` at once, started in the order of each lane.
 *
 * A message that is returned waits here and comes again before later ones of its lane. Giving it back to the server
 * instead would let later ones overtake it: those are here already.
 */
export class Distributor {
  readonly #prefetch: number;
  readonly #onDelivery: DeliveryHandler;
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();
  readonly #inFlight = new Set<Entry>();
  #waiting: Entry[] = [];
  #arrivals = 0;
  #pausedLanes = 0;
  #paused = false;
  #stopped = false;
  #onIdle = (): void => {};

  constructor(prefetch: number, onDelivery: DeliveryHandler, clock: Clock) {
    this.#prefetch = prefetch;
    this.#onDelivery = onDelivery;
    this.#clock = clock;
  }

  add(source: DeliverySource, tag: number, envelope: Envelope, redelivered: boolean): void {
    const lane = this.#laneOf(envelope);
    this.#arrivals += 1;
    this.#waiting.push({ source, tag, envelope, lane, arrival: this.#arrivals, redelivered, returns: 0 });
    this.#pump();
  }

  /** The server has taken back what came from there. What is in flight goes on, and its verdict counts for nothing. */
  drop(source: DeliverySource): void {
    this.#waiting = this.#waiting.filter((entry) => entry.source !== source);
    for (const entry of this.#inFlight) if (entry.source === source) this.#inFlight.delete(entry);
    this.#pump();
    this.#tellIdle();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Starts nothing more. Resolves when nothing is in flight, or after `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    if (this.#inFlight.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = this.#clock.after(deadlineMs, resolve);
    await promise;
    cancel();
  }

  #pump(): void {
    while (!this.#paused && !this.#stopped && this.#inFlight.size < this.#prefetch) {
      const entry = this.#takeNext();
      if (entry === undefined) return;
      this.#deliver(entry);
    }
  }

  #takeNext(): Entry | undefined {
    if (this.#pausedLanes === 0) return this.#waiting.shift();
    const index = this.#waiting.findIndex(({ lane }) => lane.pauses === 0);
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  #deliver(entry: Entry): void {
    this.#inFlight.add(entry);
    const { envelope, redelivered } = entry;
    try {
      this.#onDelivery({ envelope, redelivered }).then(
        (verdict) => this.#settle(entry, verdict.kind === "ack"),
        () => this.#settle(entry, false),
      );
    } catch {
      // A handler that throws before its first await: the same as one that rejects, and never from inside `pump`.
      void Promise.resolve().then(() => this.#settle(entry, false));
    }
  }

  #settle(entry: Entry, applied: boolean): void {
    if (!this.#inFlight.delete(entry)) return;
    if (applied) entry.source.acknowledge(entry.tag);
    else this.#return(entry);
    this.#pump();
    this.#tellIdle();
  }

  /** Back into its old place, after a pause that grows: a handler that always returns must not burn a core. */
  #return(entry: Entry): void {
    const { lane } = entry;
    entry.redelivered = true;
    const pauseMs = Math.min(RETURN_PAUSE_MAX_MS, 2 ** Math.min(entry.returns, 10));
    entry.returns += 1;
    const later = this.#waiting.findIndex(({ arrival }) => arrival > entry.arrival);
    this.#waiting.splice(later < 0 ? this.#waiting.length : later, 0, entry);
    if (lane.pauses === 0) this.#pausedLanes += 1;
    lane.pauses += 1;
    this.#clock.after(pauseMs, () => {
      lane.pauses -= 1;
      if (lane.pauses === 0) this.#pausedLanes -= 1;
      this.#pump();
    });
  }

  #tellIdle(): void {
    if (this.#inFlight.size === 0) this.#onIdle();
  }

  #laneOf({ topic, partition }: Envelope): Lane {
    const name = `${partition % LANES_PER_TOPIC_MAX}/${topic}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { pauses: 0 };
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}

import type { Clock } from "../../ports/clock.ts";
import type { Delivery, SubscribeOptions, Subscription, Verdict } from "../../ports/broker.ts";
import { settledWithin } from "../../ports/settled-within.ts";
import type { GroupLane, Item } from "./group-lane.ts";

/** How long `close` lets deliveries settle unless it is told. */
const CLOSE_DEADLINE_MS = 10_000;

/** A delivery that is with a member. */
interface Flight {
  readonly lane: GroupLane;
  readonly item: Item;
}

/** What a subscription needs of its group. */
export interface MemberGroup {
  readonly clock: Clock;
  leave(member: GroupMember): void;
  /** Starts what can be started, soon. */
  wake(): void;
  wakeLater(): void;
}

/** One subscription of a group. */
export class GroupMember implements Subscription {
  readonly #group: MemberGroup;
  readonly #topics: ReadonlySet<string>;
  readonly #prefetch: number;
  readonly #onDelivery: (delivery: Delivery) => Promise<Verdict>;
  readonly #flights = new Set<Flight>();
  #paused = false;
  #closed = false;
  /** Ends the wait of `close` when the last delivery settled. */
  #drained: (() => void) | null = null;

  constructor(
    group: MemberGroup,
    options: SubscribeOptions,
    onDelivery: (delivery: Delivery) => Promise<Verdict>,
  ) {
    this.#group = group;
    this.#topics = new Set(options.topics);
    this.#prefetch = options.prefetch;
    this.#onDelivery = onDelivery;
  }

  get hasRoom(): boolean {
    return !this.#paused && !this.#closed && this.#flights.size < this.#prefetch;
  }

  wants(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** Starts a delivery. */
  start(lane: GroupLane, item: Item): void {
    const flight = { lane, item };
    this.#flights.add(flight);
    const redelivered = item.delivered;
    item.delivered = true;
    void this.#run(flight, { envelope: item.envelope, redelivered });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#group.wake();
  }

  async close(options: { readonly deadlineMs: number } = { deadlineMs: CLOSE_DEADLINE_MS }): Promise<void> {
    this.#closed = true;
    if (this.#flights.size > 0) await this.#drain(options.deadlineMs);
    this.giveBackAll();
    this.#group.leave(this);
  }

  /** Takes back what is in flight, as after a lost connection: what those handlers answer counts no more. */
  giveBackAll(): void {
    for (const { lane, item } of this.#flights) lane.giveBack(item);
    this.#flights.clear();
    this.#drained?.();
    this.#group.wake();
  }

  async #run(flight: Flight, delivery: Delivery): Promise<void> {
    const verdict = await this.#verdictOn(delivery);
    if (!this.#flights.delete(flight)) return;
    if (this.#flights.size === 0) this.#drained?.();
    if (verdict.kind === "ack") {
      flight.lane.settle(flight.item);
      this.#group.wake();
    } else {
      flight.lane.giveBack(flight.item);
      this.#group.wakeLater();
    }
  }

  async #verdictOn(delivery: Delivery): Promise<Verdict> {
    try {
      return await this.#onDelivery(delivery);
    } catch {
      return { kind: "requeue" };
    }
  }

  async #drain(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    await settledWithin(promise, deadlineMs, this.#group.clock);
    this.#drained = null;
  }
}

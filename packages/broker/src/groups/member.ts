import type { Delivery, SubscribeOptions, Verdict } from "@waybill/core";
import type { Entry } from "./lane.ts";
import { isBlocked } from "./lane.ts";

export type DeliveryHandler = (delivery: Delivery) => Promise<Verdict>;

/** One subscription inside its group: what waits for it, in log order, and what it has in flight. */
export class Member {
  readonly topics: ReadonlySet<string>;
  readonly prefetch: number;
  readonly onDelivery: DeliveryHandler;
  readonly inFlight = new Set<Entry<Member>>();
  paused = false;
  /** Called whenever nothing is in flight any more. */
  onIdle: () => void = () => {};
  #queue: Entry<Member>[] = [];
  #head = 0;

  constructor(options: SubscribeOptions, onDelivery: DeliveryHandler) {
    this.topics = new Set(options.topics);
    this.prefetch = options.prefetch;
    this.onDelivery = onDelivery;
  }

  get canTakeMore(): boolean {
    return !this.paused && this.inFlight.size < this.prefetch;
  }

  push(entry: Entry<Member>): void {
    this.#queue.push(entry);
  }

  /** Puts a returned message back to its old place. */
  insert(entry: Entry<Member>): void {
    let low = this.#head;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.offset ?? Infinity) < entry.offset) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
  }

  /** The first message whose lane is free. `someBlocked`: lanes may be blocked, so looking at the first is not enough. */
  peek(someBlocked: boolean): Entry<Member> | null {
    const first = this.#queue[this.#head];
    if (first === undefined) return null;
    if (!someBlocked || !isBlocked(first.lane)) return first;
    for (let index = this.#head + 1; index < this.#queue.length; index += 1) {
      const entry = this.#queue[index];
      if (entry !== undefined && !isBlocked(entry.lane)) return entry;
    }
    return null;
  }

  /** Removes what `peek` answered. */
  remove(entry: Entry<Member>): void {
    if (this.#queue[this.#head] === entry) {
      this.#head += 1;
      if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      return;
    }
    this.#queue.splice(this.#queue.indexOf(entry, this.#head), 1);
  }

  /** Empties the queue. */
  takeAll(): Entry<Member>[] {
    const entries = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    return entries;
  }
}

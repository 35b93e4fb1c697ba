import type { Held } from "../queue/held.ts";
import type { Queue } from "../queue/queue.ts";
import type { Subscription } from "./subscription.ts";

/** A delivery that the client has not settled yet. A class for the reason that is given at `Gathered`. */
export class Unsettled {
  readonly held: Held;
  readonly queue: Queue;
  /** `null`: the client asked for it by `get`. */
  readonly consumer: Subscription | null;

  constructor(held: Held, queue: Queue, consumer: Subscription | null) {
    this.held = held;
    this.queue = queue;
    this.consumer = consumer;
  }
}

const COMPACT_AT = 1024;

/** The unsettled deliveries of a session by tag. Tags count from 1; settling in order, the usual case, is cheap. */
export class UnsettledDeliveries {
  #slots: (Unsettled | null)[] = [];
  #head = 0;
  /** The tag of the first slot. */
  #base = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The tag that the next delivery gets. */
  get #nextTag(): number {
    return this.#base + this.#slots.length;
  }

  /** @param unsettled `null`: it needs no settlement, only a tag */
  add(unsettled: Unsettled | null): number {
    const tag = this.#nextTag;
    if (unsettled === null && this.#size === 0) {
      this.#slots.length = 0;
      this.#head = 0;
      this.#base = tag + 1;
      return tag;
    }
    this.#slots.push(unsettled);
    if (unsettled !== null) this.#size += 1;
    return tag;
  }

  has(tag: number): boolean {
    return (this.#slots[tag - this.#base] ?? null) !== null;
  }

  /** Takes one out. `undefined`: not there, or settled before. */
  take(tag: number): Unsettled | undefined {
    const index = tag - this.#base;
    const found = this.#slots[index] ?? undefined;
    if (found === undefined) return undefined;
    this.#slots[index] = null;
    this.#size -= 1;
    if (index === this.#head) this.#advance();
    return found;
  }

  /** Takes everything out up to `tag`, in order. */
  takeUpTo(tag: number): Unsettled[] {
    const taken: Unsettled[] = [];
    const end = Math.min(tag - this.#base + 1, this.#slots.length);
    for (let index = this.#head; index < end; index += 1) {
      const found = this.#slots[index] ?? null;
      if (found === null) continue;
      taken.push(found);
      this.#slots[index] = null;
    }
    this.#size -= taken.length;
    this.#advance();
    return taken;
  }

  *[Symbol.iterator](): Generator<Unsettled> {
    for (let index = this.#head; index < this.#slots.length; index += 1) {
      const found = this.#slots[index] ?? null;
      if (found !== null) yield found;
    }
  }

  #advance(): void {
    const { length } = this.#slots;
    while (this.#head < length && this.#slots[this.#head] === null) this.#head += 1;
    if (this.#head === length) {
      this.#base += length;
      this.#slots.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 > length) {
      this.#slots.splice(0, this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }
}

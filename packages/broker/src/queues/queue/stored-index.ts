import { Held } from "./held.ts";
import type { EncodedOffsets, OffsetRun } from "./offset-queue.ts";
import { filtered, OffsetQueue } from "./offset-queue.ts";

/** What recovery found of one queue. */
export interface FoundPlaces {
  readonly places: OffsetQueue;
  /** Of the bodies, where bytes are tracked. */
  readonly sizes: readonly number[] | null;
  readonly flagBelow: number;
  readonly returns: ReadonlyMap<number, number>;
}

/**
 * The messages of a queue that are only in the log, in order: a byte or two each, however large they are. A number in
 * `places` is the offset twice, plus 1 for a transient message.
 */
export class StoredIndex {
  #places = new OffsetQueue();
  /** Where each body would end if they stood in a row, for queues that are limited in bytes. */
  #ends: OffsetQueue | null;
  #end = 0;
  #start = 0;
  #hasTransient = false;
  /** Messages before it may have been delivered before this process. */
  #flagBelow = 0;
  /** How often messages had been given back before this process. */
  #returns: ReadonlyMap<number, number> = new Map();

  constructor(tracksBytes: boolean) {
    this.#ends = tracksBytes ? new OffsetQueue() : null;
  }

  get size(): number {
    return this.#places.size;
  }

  append(offset: number, isTransient: boolean, bytes: number): void {
    this.#places.append(offset * 2 + (isTransient ? 1 : 0));
    if (isTransient) this.#hasTransient = true;
    if (this.#ends === null) return;
    // One more for each, so that an empty body counts too.
    this.#end += bytes + 1;
    this.#ends.append(this.#end);
  }

  /** The offset of the first one, or -1. */
  peek(): number {
    const place = this.#places.peek();
    return place === -1 ? -1 : Math.floor(place / 2);
  }

  /** The first one, out of the index. Its size is known where bytes are tracked. */
  shift(): Held | null {
    const place = this.#places.shift();
    if (place === -1) return null;
    if (this.#places.size === 0) this.#hasTransient = false;
    const offset = Math.floor(place / 2);
    const held = new Held(offset, place % 2 === 1, offset < this.#flagBelow);
    held.returns = this.#returns.get(offset) ?? 0;
    if (this.#ends !== null) {
      const end = this.#ends.shift();
      held.bytes = end - this.#start - 1;
      this.#start = end;
    }
    return held;
  }

  /** The range of offsets that the index spans, or `null`. */
  get span(): OffsetRun | null {
    if (this.size === 0) return null;
    const first = this.peek();
    return { first, delta: 1, count: Math.floor(this.#places.last / 2) - first + 1 };
  }

  clear(): void {
    this.#places.clear();
    this.#ends?.clear();
    this.#start = this.#end;
    this.#hasTransient = false;
  }

  restore(found: FoundPlaces): void {
    this.#places = found.places;
    this.#flagBelow = found.flagBelow;
    this.#returns = found.returns;
    if (this.#ends === null || found.sizes === null) return;
    for (const bytes of found.sizes) {
      this.#end += bytes + 1;
      this.#ends.append(this.#end);
    }
  }

  /** The bodies of all that is in the index, where bytes are tracked. */
  get bytes(): number {
    return this.#ends === null ? 0 : this.#end - this.#start - this.#ends.size;
  }

  /** All places as they stand now; later changes do not touch them. */
  encode(): EncodedOffsets {
    return this.#places.encode();
  }

  /** What survives a restart, as it stands now; later changes do not touch it. */
  persistent(): EncodedOffsets {
    if (!this.#hasTransient) return this.#places.encode();
    return filtered(this.#places.runs(), (place) => place % 2 === 0).encode();
  }

  /** How often messages in the index were given back before this process. */
  *returns(): Generator<readonly [offset: number, returns: number]> {
    const first = this.peek();
    if (first === -1) return;
    for (const entry of this.#returns) if (entry[0] >= first) yield entry;
  }
}

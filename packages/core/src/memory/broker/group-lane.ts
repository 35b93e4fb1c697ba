import type { Envelope } from "../../message/envelope.ts";

/** One message in one group. */
export interface Item {
  readonly envelope: Envelope;
  /** Its place in the order in which messages were confirmed. */
  readonly offset: number;
  /** Whether the group was given it before. */
  delivered: boolean;
}

/**
 * The messages of one partition of a topic in one group. While some are with a member, no other member gets any: one
 * active consumer per partition.
 */
export class GroupLane {
  readonly topic: string;
  /** Ascending by offset from `#head` on; what lies before was handed out. */
  #waiting: Item[] = [];
  #head = 0;
  readonly #inFlight = new Set<Item>();
  #member: object | null = null;

  constructor(topic: string) {
    this.topic = topic;
  }

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  push(item: Item): void {
    this.#waiting.push(item);
  }

  /** Whether `member` may get its next message. */
  admits(member: object): boolean {
    return !this.isEmpty && (this.#member === null || this.#member === member);
  }

  /** Hands out the next message. */
  take(member: object): Item | undefined {
    const item = this.#waiting[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 1_000 && this.#head * 2 > this.#waiting.length) this.#compact();
    this.#member = member;
    this.#inFlight.add(item);
    return item;
  }

  /** The message was applied. Answers `false` when it was taken back before. */
  settle(item: Item): boolean {
    const held = this.#inFlight.delete(item);
    if (this.#inFlight.size === 0) this.#member = null;
    return held;
  }

  /** Takes the message back to its old place. Answers `false` when it was settled or taken back before. */
  giveBack(item: Item): boolean {
    if (!this.settle(item)) return false;
    this.#compact();
    const later = this.#waiting.findIndex(({ offset }) => offset > item.offset);
    this.#waiting.splice(later === -1 ? this.#waiting.length : later, 0, item);
    return true;
  }

  #compact(): void {
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}

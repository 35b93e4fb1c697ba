import type { Content } from "../records/content-record.ts";
import type { Held } from "./held.ts";
import type { FindStored } from "./queue-surroundings.ts";

const COMPACT_AT = 1024;

/** The first messages of a queue in the order of their offsets: those that are in memory, and those given back. */
export class Front {
  #items: Held[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  peek(): Held | undefined {
    return this.#items[this.#head];
  }

  shift(): Held | undefined {
    const first = this.#items[this.#head];
    if (first === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** @param held behind all others */
  push(held: Held): void {
    this.#items.push(held);
  }

  /** Puts messages back to their old places. @param returned in the order of their offsets */
  merge(returned: readonly Held[]): void {
    const items: Held[] = [];
    let at = this.#head;
    for (const held of returned) {
      for (
        let next = this.#items[at];
        next !== undefined && next.offset < held.offset;
        next = this.#items[at]
      ) {
        items.push(next);
        at += 1;
      }
      items.push(held);
    }
    this.#items = at === this.#items.length ? items : items.concat(this.#items.slice(at));
    this.#head = 0;
  }

  /** Gives messages their contents, in order, until one is not found; answers whether all have theirs now. */
  fill(find: FindStored, load: (held: Held, content: Content) => void): boolean {
    const lost = new Set<Held>();
    let isWhole = true;
    for (const held of this) {
      if (held.content !== null) continue;
      const found = find(held.offset);
      isWhole = found !== null;
      if (found === null) break;
      if (found === "lost") lost.add(held);
      else load(held, found);
    }
    if (lost.size > 0) {
      this.#items = this.#items.slice(this.#head).filter((held) => !lost.has(held));
      this.#head = 0;
    }
    return isWhole;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  *[Symbol.iterator](): Generator<Held> {
    for (let at = this.#head; at < this.#items.length; at += 1) {
      const held = this.#items[at];
      if (held !== undefined) yield held;
    }
  }
}

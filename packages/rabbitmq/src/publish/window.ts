/**
 * What is published on one channel and not confirmed, by delivery tag. Tags count from 1 in the order of publishing;
 * the server confirms them one by one or all up to one.
 */
export class Window<T> {
  #items: (T | null)[] = [];
  /** Index of the oldest that may be unconfirmed; what lies before is `null`. */
  #head = 0;
  /** The tag of index 0. */
  #firstTag = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Everything up to this tag was answered. */
  get answeredTag(): number {
    return this.#firstTag + this.#head - 1;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#size += 1;
  }

  /** Takes one out, `null` when it is not there (any more). */
  take(tag: number): T | null {
    const index = tag - this.#firstTag;
    const item = this.#items[index] ?? null;
    if (item === null) return null;
    this.#items[index] = null;
    this.#size -= 1;
    if (index === this.#head) this.#advance();
    return item;
  }

  /** Takes out all up to this tag, in order. */
  takeUpTo(tag: number): T[] {
    const taken: T[] = [];
    const end = Math.min(tag - this.#firstTag + 1, this.#items.length);
    for (let index = this.#head; index < end; index += 1) {
      const item = this.#items[index] ?? null;
      if (item === null) continue;
      taken.push(item);
      this.#items[index] = null;
    }
    this.#size -= taken.length;
    this.#advance();
    return taken;
  }

  /** The oldest for which `matches` holds. */
  find(matches: (item: T) => boolean): T | null {
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index] ?? null;
      if (item !== null && matches(item)) return item;
    }
    return null;
  }

  #advance(): void {
    while (this.#head < this.#items.length && this.#items[this.#head] === null) this.#head += 1;
    if (this.#head < 1_024 && this.#head < this.#items.length) return;
    this.#items.splice(0, this.#head);
    this.#firstTag += this.#head;
    this.#head = 0;
  }
}

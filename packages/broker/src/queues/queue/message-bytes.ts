/** What the parts of a virtual host add up to. */
export interface BytesTotal {
  /** More, or (below 0) less. */
  change(bytes: number): void;
}

/**
 * What messages take in the log, as a part of what their virtual host holds. The size of a message that was read or written by
 * this process is known; others count as much as the average of those that are here, which is exact again when none is left.
 */
export class MessageBytes {
  readonly #total: BytesTotal;
  #count = 0;
  #bytes = 0;
  #isOver = false;

  constructor(total: BytesTotal) {
    this.#total = total;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get average(): number {
    return this.#count === 0 ? 0 : this.#bytes / this.#count;
  }

  add(bytes: number): void {
    if (this.#isOver) return;
    this.#count += 1;
    this.#set(this.#bytes + bytes);
  }

  /** @param bytes 0: not known */
  remove(bytes: number): void {
    if (this.#isOver || this.#count === 0) return;
    const known = bytes === 0 ? this.average : bytes;
    this.#count -= 1;
    this.#set(this.#count === 0 ? 0 : this.#bytes - known);
  }

  /** So many go whose sizes are not known. */
  removeSome(count: number): void {
    if (this.#isOver) return;
    const { average } = this;
    this.#count = Math.max(0, this.#count - count);
    this.#set(this.#count * average);
  }

  /** What recovery found. */
  restore(count: number, bytes: number): void {
    this.#count = count;
    this.#set(bytes);
  }

  /** Nothing counts here any more. */
  end(): void {
    this.#set(0);
    this.#isOver = true;
  }

  #set(bytes: number): void {
    // Whole numbers add up to 0 again.
    const now = Math.max(0, Math.round(bytes));
    this.#total.change(now - this.#bytes);
    this.#bytes = now;
  }
}

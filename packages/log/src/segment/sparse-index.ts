const STEP_BYTES = 64 * 1024;

/** Where in a segment to start looking for an offset: one entry every 64 KiB or more, so it stays small. */
export class SparseIndex {
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];

  /** Remembers that the batch at `position` begins with `offset`. Entries come in growing order; others are ignored. */
  add(offset: number, position: number): void {
    const last = this.#positions.at(-1);
    if (last !== undefined && position < last + STEP_BYTES) return;
    this.#offsets.push(offset);
    this.#positions.push(position);
  }

  /** The last entry at or before `offset`, or `null`. */
  find(offset: number): { readonly offset: number; readonly position: number } | null {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    const found = this.#offsets[low - 1];
    const position = this.#positions[low - 1];
    return found === undefined || position === undefined ? null : { offset: found, position };
  }
}

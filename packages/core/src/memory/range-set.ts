/**
 * A set of whole numbers kept as disjoint ranges: as small as its number of gaps, however many numbers it holds.
 * Dense sequences that arrive in about their order cost one range.
 */
export class RangeSet {
  /** Ascending, disjoint, not touching: `[start, end)`. */
  readonly #ranges: { start: number; end: number }[] = [];

  has(value: number): boolean {
    const range = this.#ranges[this.#firstEndingAfter(value)];
    return range !== undefined && range.start <= value;
  }

  /** Adds one number; answers `false` when it was there. */
  add(value: number): boolean {
    const at = this.#firstEndingAfter(value);
    const next = this.#ranges[at];
    if (next !== undefined && next.start <= value) return false;
    const previous = this.#ranges[at - 1];
    const touchesPrevious = previous !== undefined && previous.end === value;
    const touchesNext = next !== undefined && next.start === value + 1;
    if (touchesPrevious && touchesNext) {
      previous.end = next.end;
      this.#ranges.splice(at, 1);
    } else if (touchesPrevious) {
      previous.end = value + 1;
    } else if (touchesNext) {
      next.start = value;
    } else {
      this.#ranges.splice(at, 0, { start: value, end: value + 1 });
    }
    return true;
  }

  /** How many ranges it takes. */
  get rangeCount(): number {
    return this.#ranges.length;
  }

  /** Index of the first range whose end lies after `value`; the number of ranges when there is none. */
  #firstEndingAfter(value: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && range.end <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** `[start, end)`. */
export type Range = readonly [start: number, end: number];

/**
 * A set of whole numbers as sorted, disjoint ranges: as small as its number of gaps, however many numbers it holds. Adding at
 * the end, the usual case, is cheap.
 */
export class RangeSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  get rangeCount(): number {
    return this.#starts.length;
  }

  has(value: number): boolean {
    const index = this.#lastStartingAtOrBefore(value);
    return index >= 0 && value < (this.#ends[index] ?? 0);
  }

  /** The whole range around `value`, or `null`. */
  rangeAt(value: number): Range | null {
    const index = this.#lastStartingAtOrBefore(value);
    const start = this.#starts[index];
    const end = this.#ends[index];
    return start === undefined || end === undefined || value >= end ? null : [start, end];
  }

  /** The smallest number from `from` on that is not in the set. */
  firstGap(from: number): number {
    return this.rangeAt(from)?.[1] ?? from;
  }

  add(start: number, end = start + 1): void {
    if (end <= start) return;
    const last = this.#starts.length - 1;
    const lastEnd = this.#ends[last] ?? -1;
    if (start > lastEnd) {
      this.#starts.push(start);
      this.#ends.push(end);
    } else if (start >= (this.#starts[last] ?? 0)) {
      if (end > lastEnd) this.#ends[last] = end;
    } else {
      this.#merge(start, end);
    }
  }

  addAll(ranges: Iterable<Range>): void {
    for (const [start, end] of ranges) this.add(start, end);
  }

  /** Takes the lowest ranges out. */
  dropFirst(count: number): void {
    this.#starts.splice(0, count);
    this.#ends.splice(0, count);
  }

  *ranges(): Generator<Range> {
    for (const [index, start] of this.#starts.entries()) yield [start, this.#ends[index] ?? start];
  }

  /** Somewhere before the last range: swallows every range that it touches. */
  #merge(start: number, end: number): void {
    const before = this.#lastStartingAtOrBefore(start);
    const first = before >= 0 && (this.#ends[before] ?? 0) >= start ? before : before + 1;
    let behind = first;
    while (behind < this.#starts.length && (this.#starts[behind] ?? 0) <= end) behind += 1;
    const mergedStart = Math.min(start, first < behind ? (this.#starts[first] ?? start) : start);
    const mergedEnd = Math.max(end, first < behind ? (this.#ends[behind - 1] ?? end) : end);
    this.#starts.splice(first, behind - first, mergedStart);
    this.#ends.splice(first, behind - first, mergedEnd);
  }

  #lastStartingAtOrBefore(value: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? Infinity) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** What is due when, the earliest first; equal times in the order of their offsets. 16 bytes each. */
export class DueHeap {
  #dues = new Float64Array(64);
  #offsets = new Float64Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the first one is due, or Infinity. */
  get nextDue(): number {
    return this.#size === 0 ? Infinity : (this.#dues[0] ?? Infinity);
  }

  add(dueAt: number, offset: number): void {
    if (this.#size === this.#dues.length) this.#grow();
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(dueAt, offset, parent)) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#dues[at] = dueAt;
    this.#offsets[at] = offset;
  }

  /** Takes the first one out; answers its offset, or -1. */
  take(): number {
    const first = this.#size === 0 ? -1 : (this.#offsets[0] ?? -1);
    if (first === -1) return -1;
    this.#size -= 1;
    const dueAt = this.#dues[this.#size] ?? 0;
    const offset = this.#offsets[this.#size] ?? 0;
    let at = 0;
    for (let child = 1; child < this.#size; child = at * 2 + 1) {
      const right = child + 1;
      const [rightDue, rightOffset] = [this.#dues[right] ?? 0, this.#offsets[right] ?? 0];
      if (right < this.#size && this.#isBefore(rightDue, rightOffset, child)) child = right;
      if (this.#isBefore(dueAt, offset, child)) break;
      this.#copy(child, at);
      at = child;
    }
    this.#dues[at] = dueAt;
    this.#offsets[at] = offset;
    return first;
  }

  *entries(): Generator<readonly [dueAt: number, offset: number]> {
    for (let at = 0; at < this.#size; at += 1) yield [this.#dues[at] ?? 0, this.#offsets[at] ?? 0];
  }

  #isBefore(dueAt: number, offset: number, at: number): boolean {
    const other = this.#dues[at] ?? 0;
    return dueAt < other || (dueAt === other && offset < (this.#offsets[at] ?? 0));
  }

  #copy(from: number, to: number): void {
    this.#dues[to] = this.#dues[from] ?? 0;
    this.#offsets[to] = this.#offsets[from] ?? 0;
  }

  #grow(): void {
    const dues = new Float64Array(this.#dues.length * 2);
    const offsets = new Float64Array(dues.length);
    dues.set(this.#dues);
    offsets.set(this.#offsets);
    this.#dues = dues;
    this.#offsets = offsets;
  }
}

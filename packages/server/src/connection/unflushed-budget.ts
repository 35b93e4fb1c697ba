import type { Counters } from "../counters.ts";

/** What all connections together may have waiting for the disk. */
export class UnflushedBudget {
  readonly #bytesMax: number;
  readonly #counters: Counters;
  readonly #waiting = new Set<() => void>();

  constructor(bytesMax: number, counters: Counters) {
    this.#bytesMax = bytesMax;
    this.#counters = counters;
  }

  get isExceeded(): boolean {
    return this.#counters.unflushedBytes > this.#bytesMax;
  }

  add(bytes: number): void {
    this.#counters.unflushedBytes += bytes;
  }

  remove(bytes: number): void {
    this.#counters.unflushedBytes -= bytes;
    if (this.#waiting.size === 0 || this.#counters.unflushedBytes > this.#bytesMax / 2) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onRoom of waiting) onRoom();
  }

  /** Calls once when half of it is free again. */
  whenRoom(onRoom: () => void): void {
    this.#waiting.add(onRoom);
  }

  forget(onRoom: () => void): void {
    this.#waiting.delete(onRoom);
  }
}

import { LEAF_COUNT } from "@waybill/migrations";

/**
 * Tells which leaf of the outbox is written to now, by the database's clock as it was read once. A clock that has gone
 * wrong since does no harm but to the length of time for which rows are kept: what a leaf holds decides when it may be
 * emptied, not when it should have been written.
 */
export class LeafClock {
  readonly #leafMs: number;
  readonly #aheadMs: number;

  /** `nowMs` is the database's clock, milliseconds since the epoch. */
  constructor(leafSeconds: number, nowMs: number) {
    this.#leafMs = leafSeconds * 1_000;
    this.#aheadMs = nowMs - Date.now();
  }

  current(): number {
    return Math.floor((Date.now() + this.#aheadMs) / this.#leafMs) % LEAF_COUNT;
  }
}

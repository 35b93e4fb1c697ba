import { RangeSet } from "@waybill/core/internal";
import type { RecentIds } from "./recent-ids.ts";

/** Ids that are kept of one partition. */
const IDS_MAX = 1024;

/** What positions count in: each has sequences of its own. */
export interface PartitionPlace {
  readonly source: string;
  readonly incarnation: string;
  readonly topic: string;
  readonly partition: number;
}

/**
 * What is known about a position before its message is stored.
 *
 * | kind        | the sequence is       | then                                           |
 * |-------------|-----------------------|------------------------------------------------|
 * | `new`       | not stored yet        | store                                          |
 * | `duplicate` | stored with this id   | confirm without storing                        |
 * | `reused`    | stored with another id| store and report: never swallow a message      |
 * | `forgotten` | stored, id not kept   | store: delivering twice is safe, losing is not |
 */
export type PositionVerdict =
  | { readonly kind: "new" | "duplicate" | "forgotten" }
  | { readonly kind: "reused"; readonly storedId: string };

const NEW: PositionVerdict = { kind: "new" };
const DUPLICATE: PositionVerdict = { kind: "duplicate" };
const FORGOTTEN: PositionVerdict = { kind: "forgotten" };

/** The sequences of one partition that are stored or on their way, and the ids of the latest. */
export class PartitionPositions {
  readonly place: PartitionPlace;
  readonly stored = new RangeSet();
  readonly #rangesMax: number;
  readonly #recentIds: RecentIds | null;
  /** By sequence, the latest last. */
  readonly #ids = new Map<number, string>();
  readonly #onTheirWay = new Map<number, string>();

  constructor(place: PartitionPlace, rangesMax: number, recentIds: RecentIds | null) {
    this.place = place;
    this.#rangesMax = rangesMax;
    this.#recentIds = recentIds;
  }

  check(sequence: number, id: string): PositionVerdict {
    const knownId = this.#onTheirWay.get(sequence) ?? this.#ids.get(sequence);
    if (knownId !== undefined) return knownId === id ? DUPLICATE : { kind: "reused", storedId: knownId };
    return this.stored.has(sequence) ? FORGOTTEN : NEW;
  }

  /** Its message is being written. */
  begin(sequence: number, id: string): void {
    this.#onTheirWay.set(sequence, id);
  }

  /** Its message could not be written. */
  abandon(sequence: number, id: string): void {
    if (this.#onTheirWay.get(sequence) === id) this.#onTheirWay.delete(sequence);
  }

  /** Its message is stored. */
  add(sequence: number, id: string): void {
    this.abandon(sequence, id);
    this.stored.add(sequence);
    if (this.stored.rangeCount > this.#rangesMax) this.stored.dropFirst(this.#rangesMax >>> 1);
    this.rememberId(sequence, id);
  }

  /** The ids that are known, the latest last. */
  get ids(): ReadonlyMap<number, string> {
    return this.#ids;
  }

  /** Of a message that is stored. */
  rememberId(sequence: number, id: string): void {
    this.#ids.delete(sequence);
    this.#ids.set(sequence, id);
    this.#recentIds?.noted(this, sequence);
    const oldest = this.#ids.size > IDS_MAX ? this.#ids.keys().next().value : undefined;
    if (oldest !== undefined) this.forgetId(oldest);
  }

  /** From now on its id is not known; that it is stored stays known. */
  forgetId(sequence: number): void {
    this.#ids.delete(sequence);
  }
}

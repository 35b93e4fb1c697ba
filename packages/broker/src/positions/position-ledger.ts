import type { Range } from "@waybill/core/internal";
import type { PartitionPlace } from "./partition-positions.ts";
import { PartitionPositions } from "./partition-positions.ts";
import { RecentIds } from "./recent-ids.ts";

/** Stored sequences of one partition, as `[start, end)` pairs. */
export interface StoredPositions extends PartitionPlace {
  readonly ranges: readonly Range[];
}

/** Ids of stored messages of one partition, by their sequences. */
export interface StoredIds extends PartitionPlace {
  readonly ids: readonly (readonly [sequence: number, id: string])[];
}

/** How much is remembered. What is forgotten counts as new, so its copy is stored again. */
export interface LedgerLimits {
  /** Partitions; the ones known longest go first. */
  readonly partitionsMax: number;
  /** Ranges of one partition; the lowest go first. */
  readonly rangesMax: number;
  /** Ids of all partitions together; the oldest go first. */
  readonly idsMax: number;
}

const WITHOUT_LIMITS: LedgerLimits = { partitionsMax: Infinity, rangesMax: Infinity, idsMax: Infinity };

/** Every stored position, as ranges: a parked message comes long after later ones, so a high-water mark would lose it. */
export class PositionLedger {
  readonly #limits: LedgerLimits;
  readonly #recentIds: RecentIds | null;
  readonly #partitions = new Map<string, PartitionPositions>();

  constructor(limits: LedgerLimits = WITHOUT_LIMITS) {
    this.#limits = limits;
    this.#recentIds = limits.idsMax === Infinity ? null : new RecentIds(limits.idsMax);
  }

  /** What is known of a partition, empty for one that was not seen before. */
  of(message: Omit<PartitionPlace, "incarnation">, incarnation: string): PartitionPositions {
    const { source, topic, partition } = message;
    // With lengths, no two partitions have one key whatever is in their names.
    const key = `${partition} ${source.length} ${topic.length} ${source}${topic}${incarnation}`;
    const known = this.#partitions.get(key);
    if (known !== undefined) return known;
    const place = { source, incarnation, topic, partition };
    const positions = new PartitionPositions(place, this.#limits.rangesMax, this.#recentIds);
    this.#partitions.set(key, positions);
    const isTooMany = this.#partitions.size > this.#limits.partitionsMax;
    const oldest = isTooMany ? this.#partitions.keys().next().value : undefined;
    if (oldest !== undefined) this.#partitions.delete(oldest);
    return positions;
  }

  addRanges(stored: StoredPositions): void {
    this.of(stored, stored.incarnation).stored.addAll(stored.ranges);
  }

  /** Of messages whose positions are in the ledger. */
  addIds(stored: StoredIds): void {
    const partition = this.of(stored, stored.incarnation);
    for (const [sequence, id] of stored.ids) partition.rememberId(sequence, id);
  }

  /** At most `rangesMax` ranges at a time, so that no record outgrows the log. */
  *snapshot(rangesMax: number): Generator<StoredPositions> {
    for (const { place, stored } of this.#partitions.values()) {
      // A copy: between two pieces there may be further positions.
      for (const ranges of inPieces([...stored.ranges()], rangesMax)) yield { ...place, ranges };
    }
  }

  /** At most `idsMax` at a time. */
  *ids(idsMax: number): Generator<StoredIds> {
    for (const { place, ids } of this.#partitions.values()) {
      for (const piece of inPieces([...ids], idsMax)) yield { ...place, ids: piece };
    }
  }
}

export function* inPieces<T>(items: Iterable<T>, sizeMax: number): Generator<T[]> {
  let piece: T[] = [];
  for (const item of items) {
    piece.push(item);
    if (piece.length === sizeMax) {
      yield piece;
      piece = [];
    }
  }
  if (piece.length > 0) yield piece;
}

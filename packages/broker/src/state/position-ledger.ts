import type { Envelope, Position } from "@waybill/core";
import type { ControlRecord } from "../records/control-record.ts";
import { RangeSet } from "./range-set.ts";

const RECENT_IDS = 1024;

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

/** The stored sequences of one (source, incarnation, topic, partition), and the ids of the latest. */
class PartitionLedger {
  readonly stored = new RangeSet();
  readonly #ids: (string | undefined)[] = [];
  readonly #sequences: number[] = [];

  check(sequence: number, id: string): PositionVerdict {
    if (!this.stored.has(sequence)) return NEW;
    const slot = sequence % RECENT_IDS;
    const storedId = this.#sequences[slot] === sequence ? this.#ids[slot] : undefined;
    if (storedId === undefined) return FORGOTTEN;
    return storedId === id ? DUPLICATE : { kind: "reused", storedId };
  }

  add(sequence: number, id: string): void {
    this.stored.add(sequence);
    const slot = sequence % RECENT_IDS;
    this.#ids[slot] = id;
    this.#sequences[slot] = sequence;
  }
}

/** Every stored position, as ranges: a parked message comes long after later ones, so a high-water mark would lose it. */
export class PositionLedger {
  readonly #sources = new Map<string, Map<string, Map<string, Map<number, PartitionLedger>>>>();

  check(envelope: Envelope, position: Position): PositionVerdict {
    return this.#ledger(envelope, position.incarnation).check(position.sequence, envelope.id);
  }

  add(envelope: Envelope, position: Position): void {
    this.#ledger(envelope, position.incarnation).add(position.sequence, envelope.id);
  }

  apply(record: Extract<ControlRecord, { kind: "positions" }>): void {
    this.#ledger(record, record.incarnation).stored.addAll(record.ranges);
  }

  /** At most `rangesMax` ranges per record, so that none outgrows the log. */
  *snapshot(rangesMax: number): Generator<ControlRecord> {
    for (const [source, incarnations] of this.#sources) {
      for (const [incarnation, topics] of incarnations) {
        for (const [topic, partitions] of topics) {
          for (const [partition, { stored }] of partitions) {
            for (const ranges of inPieces(stored.ranges(), rangesMax)) {
              yield { kind: "positions", source, incarnation, topic, partition, ranges };
            }
          }
        }
      }
    }
  }

  #ledger(place: { source: string; topic: string; partition: number }, incarnation: string): PartitionLedger {
    const incarnations = getOrAdd(this.#sources, place.source, () => new Map());
    const topics = getOrAdd(incarnations, incarnation, () => new Map());
    const partitions = getOrAdd(topics, place.topic, () => new Map());
    return getOrAdd(partitions, place.partition, () => new PartitionLedger());
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

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

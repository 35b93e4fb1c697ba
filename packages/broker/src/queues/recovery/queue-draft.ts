import { RangeSet } from "@waybill/core/internal";
import type { OffsetRun } from "../queue/offset-queue.ts";
import { filtered, OffsetQueue } from "../queue/offset-queue.ts";
import type { OffsetsPiece } from "../records/snapshot-record.ts";

/** The messages of one queue while they are gathered from the snapshot and the log behind it. */
export class QueueDraft {
  horizon = 0;
  mayExpire = false;
  /** What one of the messages of the snapshot takes. */
  averageBytes = 0;
  readonly returns = new Map<number, number>();
  readonly #near: OffsetsPiece[] = [];
  readonly #index: OffsetsPiece[] = [];
  readonly #tail = new OffsetQueue();
  readonly #done = new RangeSet();
  #tailBytes = 0;

  nearPiece(piece: OffsetsPiece): void {
    this.#near.push(piece);
  }

  indexPiece(piece: OffsetsPiece): void {
    this.#index.push(piece);
  }

  /** A persistent message behind everything before. */
  add(offset: number, bytes: number): void {
    if (offset * 2 <= this.#tail.last) return;
    this.#tail.append(offset * 2);
    this.#tailBytes += bytes;
  }

  /** What so many of them take. Sizes of what was settled behind the snapshot are not known: the average counts. */
  bytesOf(count: number): number {
    const before = (this.#near[0]?.size ?? 0) + (this.#index[0]?.size ?? 0);
    const all = before + this.#tail.size;
    return all === 0 ? 0 : ((before * this.averageBytes + this.#tailBytes) / all) * count;
  }

  /** It needs none of `[start, end)` any more. */
  done(start: number, end: number): void {
    this.#done.add(start, end);
  }

  /** What is left, as places of a StoredIndex. */
  places(): OffsetQueue {
    const near = joined(this.#near);
    const index = joined(this.#index);
    if (near.size === 0 && this.#done.rangeCount === 0) {
      for (const run of this.#tail.runs()) index.appendRun(run);
      return index;
    }
    return filtered(runsOf([near, index, this.#tail]), (place) => !this.#done.has(place / 2));
  }
}

function* runsOf(parts: readonly OffsetQueue[]): Generator<OffsetRun> {
  for (const part of parts) yield* part.runs();
}

function joined(pieces: readonly OffsetsPiece[]): OffsetQueue {
  const [first] = pieces;
  if (first === undefined) return new OffsetQueue();
  return OffsetQueue.decode({ ...first, chunks: pieces.map(({ tokens }) => tokens) });
}

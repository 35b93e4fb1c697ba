import { decodeRuns } from "../queue/offset-queue.ts";
import type { Snapshot } from "../recovery/snapshot.ts";

/** Few enough live messages of one segment to be copied forward. */
export const STRAGGLERS_MAX = 512;
/** Steps before others get their turn. */
const STEPS_MAX = 20_000;

export interface SegmentPlace {
  readonly baseOffset: number;
  readonly endOffset: number;
}

/** What lives in one segment. */
export interface SegmentLife {
  readonly segment: SegmentPlace;
  /** At least so many; counting ends a little above `STRAGGLERS_MAX`. */
  count: number;
  /** Offsets by which queues know the first of them; each may be here several times. */
  readonly offsets: number[];
}

/** Who holds the oldest message. */
export interface Oldest {
  readonly offset: number;
  readonly virtualHost: string;
  readonly queue: string;
  readonly unsettledCount: number;
  readonly readyCount: number;
}

/**
 * Counts what lives in each segment. What is settled stays settled, so a count that is a moment old errs only on the
 * safe side.
 */
export async function findLife(
  segments: readonly SegmentPlace[],
  snapshot: Snapshot,
  locate: (offset: number) => number,
  breathe: () => Promise<void>,
): Promise<{ readonly lives: readonly SegmentLife[]; readonly oldest: Oldest | null }> {
  const lives = segments.map((segment): SegmentLife => ({ segment, count: 0, offsets: [] }));
  let oldest: Oldest | null = null;
  let steps = 0;
  const mark = (offset: number): SegmentLife | undefined => {
    const life = lifeAt(lives, locate(offset));
    if (life === undefined) return undefined;
    life.count += 1;
    if (life.offsets.length <= STRAGGLERS_MAX) life.offsets.push(offset);
    return life;
  };
  for (const { queue, near, places } of snapshot.queues) {
    const first = near[0]?.offset ?? firstPlace(places);
    if (first !== null && (oldest === null || first < oldest.offset)) {
      const { virtualHost, name, unsettledCount, readyCount } = queue;
      oldest = { offset: first, virtualHost, queue: name, unsettledCount, readyCount };
    }
    for (const { offset } of near) {
      mark(offset);
      steps += 1;
      if (steps % STEPS_MAX === 0) await breathe();
    }
    for (const { first: start, delta, count } of decodeRuns(places)) {
      for (let index = 0; index < count;) {
        const life = mark(Math.floor((start + delta * index) / 2));
        index += 1;
        steps += 1;
        if (steps % STEPS_MAX === 0) await breathe();
        if (life === undefined || life.offsets.length <= STRAGGLERS_MAX) continue;
        // Enough is known of this segment: on to the first one behind it.
        index = Math.max(index, Math.ceil((life.segment.endOffset * 2 - start) / delta));
      }
    }
  }
  for (const [, offset] of snapshot.delayed) mark(offset);
  return { lives, oldest };
}

function firstPlace(places: Parameters<typeof decodeRuns>[0]): number | null {
  for (const { first } of decodeRuns(places)) return Math.floor(first / 2);
  return null;
}

function lifeAt(lives: readonly SegmentLife[], offset: number): SegmentLife | undefined {
  let low = 0;
  let high = lives.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lives[middle]?.segment.endOffset ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  const life = lives[low];
  return life !== undefined && offset >= life.segment.baseOffset ? life : undefined;
}

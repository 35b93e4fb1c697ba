import type { Log } from "@waybill/log";
import type { MessageStore } from "../engine/message-store.ts";
import type { QueueEngineListener } from "../events.ts";
import { report } from "../events.ts";
import type { Content } from "../records/content-record.ts";
import { encodeCopy } from "../records/copy-record.ts";
import type { Snapshot } from "../recovery/snapshot.ts";
import type { Oldest, SegmentLife } from "./liveness.ts";
import { findLife, STRAGGLERS_MAX } from "./liveness.ts";

/** A segment is copied forward when at most one in so many of its records lives. */
const SPARSE = 16;
/** The newest segments are left to become emptier by themselves. */
const SEGMENTS_LEFT_ALONE = 2;

export interface RetentionOptions {
  readonly segmentBytes: number;
  readonly backlogAlarmBytes: number;
  readonly onEvent: QueueEngineListener;
  /** Lets others run. */
  readonly breathe: () => Promise<void>;
}

/**
 * Frees segments in which nothing lives any more. From those with a few stragglers in them, these are copied to the end
 * of the log first; their queues go on naming them by their first offsets.
 */
export class Retention {
  readonly #log: Log;
  readonly #store: MessageStore;
  readonly #options: RetentionOptions;

  constructor(log: Log, store: MessageStore, options: RetentionOptions) {
    this.#log = log;
    this.#store = store;
    this.#options = options;
  }

  /** @param keepFrom recovery needs everything from here on */
  async run(snapshot: Snapshot, keepFrom: number): Promise<void> {
    const segments = this.#log.segments.filter(({ isDropped }) => !isDropped);
    const old = segments.filter(({ endOffset }) => endOffset <= keepFrom);
    const { lives, oldest } = await findLife(
      old,
      snapshot,
      (offset) => this.#store.locate(offset),
      this.#options.breathe,
    );
    this.#forgetSettled(lives);
    let kept = segments.length;
    let failure: Error | null = null;
    for (const [index, life] of lives.entries()) {
      const mayCopy = index < old.length - SEGMENTS_LEFT_ALONE && isSparse(life);
      if (life.count > 0 && !(mayCopy && (await this.#copyForward(life)))) continue;
      try {
        await this.#log.dropRange(life.segment.baseOffset, life.segment.endOffset);
        kept -= 1;
      } catch (error) {
        // In the middle it takes a little room, which a full disk has only when the others have gone.
        failure ??= error instanceof Error ? error : new Error(String(error));
      }
    }
    // Freed segments at the very beginning leave nothing behind.
    const first = this.#log.segments.find(({ isDropped }) => !isDropped);
    if (first !== undefined) await this.#log.dropBefore(first.baseOffset);
    if (failure !== null) throw failure;
    this.#alarm(kept * this.#options.segmentBytes, oldest);
  }

  /** Whether everything that lives there is durable elsewhere now. */
  async #copyForward({ offsets }: SegmentLife): Promise<boolean> {
    const found = new Map<number, Content>();
    for (const offset of new Set(offsets)) {
      const content = (await this.#store.read(offset))(offset);
      if (content === null) return false;
      if (content !== "lost") found.set(offset, content);
    }
    const firstOffset = this.#log.nextOffset;
    try {
      await this.#log.append(Array.from(found, ([offset, content]) => encodeCopy(offset, content)));
    } catch {
      // A full disk: the segment stays for now.
      return false;
    }
    let at = firstOffset;
    for (const offset of found.keys()) {
      this.#store.moved.set(offset, at);
      at += 1;
    }
    return true;
  }

  /** Copies that nobody wants any more need no place in memory. */
  #forgetSettled(lives: readonly SegmentLife[]): void {
    const { moved } = this.#store;
    if (moved.size === 0) return;
    const wanted = new Set(lives.flatMap(({ offsets }) => offsets));
    const segmentOf = (at: number): SegmentLife | undefined =>
      lives.find(({ segment }) => at >= segment.baseOffset && at < segment.endOffset);
    for (const [offset, at] of moved) {
      const life = segmentOf(at);
      // Of a full segment not every offset is known.
      const isKnown = life !== undefined && life.offsets.length <= STRAGGLERS_MAX;
      if (isKnown && !wanted.has(offset)) moved.delete(offset);
    }
  }

  #alarm(keptBytes: number, oldest: Oldest | null): void {
    if (oldest === null || keptBytes <= this.#options.backlogAlarmBytes) return;
    const { virtualHost, queue, unsettledCount, readyCount } = oldest;
    const place = { virtualHost, queue, unsettledCount, readyCount, keptBytes };
    report(this.#options.onEvent, { type: "engine.backlog", level: "warn", ...place });
  }
}

function isSparse({ segment, count, offsets }: SegmentLife): boolean {
  const records = segment.endOffset - segment.baseOffset;
  return offsets.length <= STRAGGLERS_MAX && count * SPARSE <= records;
}

import type { Clock } from "@waybill/core";
import type { Lane } from "./lane.ts";

/** What is recorded in Kafka for one partition. */
interface Commit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly metadata: string;
}

export interface CommitterParts {
  readonly clock: Clock;
  readonly commitMs: number;
  readonly lanes: () => readonly Lane[];
  readonly partitionsOf: (kafkaTopic: string) => number;
  readonly commit: (commits: Commit[]) => Promise<void>;
  readonly onCommitted: () => void;
  readonly onFailed: (error: unknown) => void;
}

/** How many messages beyond the next one are declared as perhaps delivered, so that it is seldom done. */
const HORIZON_AHEAD = 1_000;
const FAILED_PAUSE_MS = 250;

/**
 * Records in Kafka how far each lane was applied, one request at a time, and before messages are handed out that
 * they will have been.
 */
export class Committer {
  readonly #parts: CommitterParts;
  #cancel: (() => void) | null = null;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
  }

  /** Something was applied: record it with what follows shortly. */
  soon(): void {
    this.#after(this.#parts.commitMs);
  }

  /** A lane waits for its horizon. */
  now(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#after(0);
  }

  /** Records what is applied, and exactly what was handed out. Never rejects. */
  async finish(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    await this.#enqueue(true);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #after(ms: number): void {
    if (this.#cancel !== null || this.#isStopped) return;
    this.#cancel = this.#parts.clock.after(ms, () => {
      this.#cancel = null;
      void this.#enqueue(false);
    });
  }

  #enqueue(isFinal: boolean): Promise<void> {
    this.#running = this.#running.then(() => this.#commit(isFinal));
    return this.#running;
  }

  async #commit(isFinal: boolean): Promise<void> {
    const { lanes, partitionsOf, commit, onCommitted, onFailed } = this.#parts;
    const moves = lanes()
      .filter((lane) => lane.isReady)
      .map((lane) => {
        const horizon = horizonOf(lane, isFinal);
        const note = lane.noteFor(partitionsOf(lane.kafkaTopic), horizon);
        return { lane, offset: lane.appliedTo, horizon, note };
      })
      .filter(({ lane, offset, note }) => offset !== lane.committed || note !== lane.note);
    if (moves.length === 0) return;
    try {
      await commit(
        moves.map(({ lane, offset, note }) => ({
          topic: lane.kafkaTopic,
          partition: lane.partition,
          offset: String(offset),
          metadata: note,
        })),
      );
    } catch (error) {
      onFailed(error);
      if (!isFinal) this.#after(FAILED_PAUSE_MS);
      return;
    }
    for (const { lane, offset, horizon, note } of moves) {
      lane.committed = offset;
      lane.note = note;
      lane.horizon = horizon;
    }
    onCommitted();
  }
}

function horizonOf(lane: Lane, isFinal: boolean): number {
  if (isFinal) return Math.max(lane.deliveredTo, lane.flagBelow, lane.appliedTo);
  const next = lane.peek();
  return next !== null && next.offset >= lane.horizon ? next.offset + HORIZON_AHEAD : lane.horizon;
}

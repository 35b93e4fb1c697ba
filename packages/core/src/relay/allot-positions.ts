import type { Envelope } from "../message/envelope.ts";
import type { OutboxRow } from "../ports/outbox-store.ts";

/** A chunk of the outbox, each row with what becomes of it first. */
export interface Allotted {
  /** To be published, in this order, each with its position. */
  readonly publish: readonly Envelope[];
  /** Not due yet; they get a position when they are first published. */
  readonly delayed: readonly OutboxRow[];
  /** Too late to be published for the first time; they never get a position. */
  readonly expired: readonly OutboxRow[];
  /** The next sequence of every `topic/partition` that moved. */
  readonly sequences: ReadonlyMap<string, number>;
}

/**
 * Gives positions to the rows of a chunk. A pure function of the rows, the window's `now` and the sequences before
 * the chunk: a relay that takes over reads the same rows and gives every message the same position again.
 */
export function allotPositions(
  rows: readonly OutboxRow[],
  context: {
    readonly now: number;
    readonly incarnation: string;
    readonly sequences: ReadonlyMap<string, number>;
  },
): Allotted {
  const { now, incarnation } = context;
  const publish: Envelope[] = [];
  const delayed: OutboxRow[] = [];
  const expired: OutboxRow[] = [];
  const sequences = new Map<string, number>();
  for (const row of rows) {
    if (row.expiresAt !== null && row.expiresAt <= now) {
      expired.push(row);
    } else if (row.deliverAt !== null && row.deliverAt > now) {
      delayed.push(row);
    } else {
      const stream = streamOf(row.envelope);
      const sequence = sequences.get(stream) ?? context.sequences.get(stream) ?? 0;
      sequences.set(stream, sequence + 1);
      publish.push({ ...row.envelope, position: { incarnation, sequence } });
    }
  }
  return { publish, delayed, expired, sequences };
}

/** What numbers its messages together: `topic/partition`. */
export function streamOf(envelope: Envelope): string {
  return `${envelope.topic}/${envelope.partition}`;
}

import type { Log, RecordSource } from "@waybill/log";
import type { Queue } from "../queue/queue.ts";
import type { Content } from "../records/content-record.ts";
import type { DeliveryHorizons } from "./delivery-horizon.ts";

/** Who wants to know what became of a record. */
export interface CommitListener {
  /** It is on disk. */
  stored(offset: number): void;
  /** It could not be written. */
  lost?(): void;
}

/**
 * A class, because V8 puts object literals that outlive its first small collections straight into the old generation,
 * for good: each of them would keep its message in memory until the next full collection.
 */
class Gathered {
  readonly record: RecordSource;
  /** The record as a message for queues. */
  readonly content: Content | null;
  readonly queues: readonly Queue[];
  readonly listener: CommitListener | null;

  constructor(
    record: RecordSource,
    content: Content | null,
    queues: readonly Queue[],
    listener: CommitListener | null,
  ) {
    this.record = record;
    this.content = content;
    this.queues = queues;
    this.listener = listener;
  }
}

const NO_QUEUES: readonly Queue[] = [];

/** Gathers messages between two flushes, appends them together, and offers them to their queues once they are on disk. */
export class Commits {
  /** Told how much was appended. */
  onAppended: (bytes: number) => void = () => {};
  readonly #log: Log;
  readonly #horizons: DeliveryHorizons;
  #gathered: Gathered[] = [];
  #gatheredBytes = 0;
  /** First offsets of what was appended and not offered yet, in order. */
  readonly #inFlight: number[] = [];

  constructor(log: Log, horizons: DeliveryHorizons) {
    this.#log = log;
    this.#horizons = horizons;
  }

  /** Everything before it was offered to its queues. */
  get offeredOffset(): number {
    return this.#inFlight[0] ?? this.#log.nextOffset;
  }

  /** Whether the log takes so many bytes more now. */
  takes(bytes: number): boolean {
    return this.#log.refusal(this.#gatheredBytes + bytes) === null;
  }

  add(content: Content, queues: readonly Queue[], listener: CommitListener | null): void {
    this.#gathered.push(new Gathered(content, content, queues, listener));
    this.#gatheredBytes += content.byteLength;
    for (const queue of queues) {
      queue.pendingCount += 1;
      queue.pendingBytes += content.body.length;
      queue.bytes.add(content.byteLength);
    }
  }

  /** Gathers what is no message, in order with those that are. */
  note(record: RecordSource, listener: CommitListener): void {
    this.#gathered.push(new Gathered(record, null, NO_QUEUES, listener));
    this.#gatheredBytes += record.byteLength;
  }

  flush(): Promise<void> {
    const gathered = this.#gathered;
    if (gathered.length === 0) return this.#log.append([]);
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const firstOffset = this.#log.nextOffset;
    const records: RecordSource[] = [];
    const reached = new Map<Queue, number>();
    for (const { record, queues } of gathered) {
      for (const queue of queues) reached.set(queue, firstOffset + records.length);
      records.push(record);
    }
    const horizons = this.#horizons.travelling(reached);
    if (horizons !== null) records.push(horizons.record);
    this.#inFlight.push(firstOffset);
    // Whether there is space was asked before each message was taken.
    return this.#log.append(records, { urgent: true }).then(
      () => {
        this.#inFlight.shift();
        horizons?.reached();
        offer(gathered, firstOffset);
        // Should these lists have grown old, they keep nothing young in memory.
        gathered.length = 0;
        records.length = 0;
        this.onAppended(bytes);
      },
      (error: unknown) => {
        this.#inFlight.splice(this.#inFlight.indexOf(firstOffset), 1);
        for (const one of gathered) forget(one);
        throw error;
      },
    );
  }
}

function offer(gathered: readonly Gathered[], firstOffset: number): void {
  let offset = firstOffset;
  for (const { content, queues, listener } of gathered) {
    if (content !== null) for (const queue of queues) queue.offer(offset, content);
    listener?.stored(offset);
    offset += 1;
  }
}

function forget({ content, queues, listener }: Gathered): void {
  listener?.lost?.();
  if (content === null) return;
  for (const queue of queues) {
    queue.pendingCount -= 1;
    queue.pendingBytes -= content.body.length;
    queue.bytes.remove(content.byteLength);
  }
}

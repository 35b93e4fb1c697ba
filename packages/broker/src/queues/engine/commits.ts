import type { Log, RecordSource } from "@waybill/log";
import type { Queue } from "../queue/queue.ts";
import type { Content } from "../records/content-record.ts";
import type { DeliveryHorizons } from "./delivery-horizon.ts";

/**
 * A class, because V8 puts object literals that outlive its first small collections straight into the old generation,
 * for good: each of them would keep its message in memory until the next full collection.
 */
class Gathered {
  readonly content: Content;
  readonly queues: readonly Queue[];
  /** Called with its offset when it is on disk. */
  readonly stored: ((offset: number) => void) | null;

  constructor(content: Content, queues: readonly Queue[], stored: ((offset: number) => void) | null) {
    this.content = content;
    this.queues = queues;
    this.stored = stored;
  }
}

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

  add(content: Content, queues: readonly Queue[], stored: ((offset: number) => void) | null): void {
    this.#gathered.push(new Gathered(content, queues, stored));
    this.#gatheredBytes += content.byteLength;
    for (const queue of queues) {
      queue.pendingCount += 1;
      queue.pendingBytes += content.body.length;
      queue.bytes.add(content.byteLength);
    }
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
    for (const { content, queues } of gathered) {
      for (const queue of queues) reached.set(queue, firstOffset + records.length);
      records.push(content);
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
        for (const { content, queues } of gathered) forget(content, queues);
        throw error;
      },
    );
  }
}

function offer(gathered: readonly Gathered[], firstOffset: number): void {
  let offset = firstOffset;
  for (const { content, queues, stored } of gathered) {
    for (const queue of queues) queue.offer(offset, content);
    stored?.(offset);
    offset += 1;
  }
}

function forget(content: Content, queues: readonly Queue[]): void {
  for (const queue of queues) {
    queue.pendingCount -= 1;
    queue.pendingBytes -= content.body.length;
    queue.bytes.remove(content.byteLength);
  }
}

import type { Clock } from "@waybill/core";
import type { RecordSource } from "@waybill/log";
import type { OffsetRun } from "../queue/offset-queue.ts";
import { LazyWrite } from "../../storage/lazy-write.ts";
import { OffsetQueue } from "../queue/offset-queue.ts";
import { encodeAcks } from "../records/marks-record.ts";

/** Records settled messages of all queues lazily, many in one record. A lost one only means a redelivery. */
export class AckJournal {
  readonly #append: (record: RecordSource) => Promise<void>;
  readonly #lazily: LazyWrite;
  #settled = new Map<number, number[]>();

  constructor(append: (record: RecordSource) => Promise<void>, clock: Clock, flushMs: number) {
    this.#append = append;
    this.#lazily = new LazyWrite(
      clock,
      flushMs,
      () => this.#write(),
      () => this.#settled.size > 0,
    );
  }

  note(queueId: number, offset: number): void {
    const offsets = this.#settled.get(queueId);
    if (offsets === undefined) this.#settled.set(queueId, [offset]);
    else offsets.push(offset);
    this.#lazily.noted();
  }

  /** A whole range at once, whatever in it belongs to the queue. */
  noteRange(queueId: number, range: OffsetRun): void {
    const offsets = new OffsetQueue();
    offsets.appendRun(range);
    this.#append(encodeAcks(new Map([[queueId, offsets]]))).catch(() => {});
  }

  /** Writes what was noted; when it resolves, it is durable, unless the log refused it. */
  flush(): Promise<void> {
    return this.#lazily.flush();
  }

  stop(): void {
    this.#lazily.stop();
  }

  async #write(): Promise<void> {
    if (this.#settled.size === 0) return;
    const settled = this.#settled;
    this.#settled = new Map();
    // Refused or failed: these messages come again after a restart, flagged as redelivered.
    const sorted = new Map(Array.from(settled, ([queueId, offsets]) => [queueId, inOrder(offsets)] as const));
    await this.#append(encodeAcks(sorted)).catch(() => {});
  }
}

function inOrder(offsets: readonly number[]): OffsetQueue {
  const queue = new OffsetQueue();
  for (const offset of Float64Array.from(offsets).sort()) if (offset > queue.last) queue.append(offset);
  return queue;
}

import { LogError } from "../errors/log-error.ts";
import { frameBytes, RECORD_HEADER_BYTES } from "../format/batch-frame.ts";
import type { ResolvedLogOptions } from "../options.ts";
import type { SegmentWriter } from "../segment/segment-writer.ts";
import { CommitSlab } from "./commit-slab.ts";
import type { RecordSource } from "./record-source.ts";

/** A class: V8 may put object literals that wait straight into the old generation, with the records that they hold. */
class PendingAppend {
  readonly records: readonly RecordSource[];
  /** The next record that is not in a slab yet. */
  next = 0;
  readonly endOffset: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;

  constructor(
    records: readonly RecordSource[],
    endOffset: number,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.records = records;
    this.endOffset = endOffset;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Where a committed batch went, for the reader's index. */
export interface CommitListener {
  batchCommitted(batch: {
    position: number;
    firstOffset: number;
    endOffset: number;
    segmentBase: number;
  }): void;
  /** The first failure; nothing is written after it. */
  poisoned(error: LogError): void;
}

/** Zero-filled bytes that only records with `urgent` may use, so that acknowledgements still fit on a full disk. */
const RESERVE_BYTES = 1024 * 1024;

/**
 * Group commit without a timer: while one write and its fdatasync are in flight, everything that arrives is
 * gathered, then committed together. Offsets are given in the order of the calls and never change: whatever fails
 * after that is final.
 */
export class GroupCommit {
  readonly #options: ResolvedLogOptions;
  readonly #segments: SegmentWriter;
  readonly #listener: CommitListener;
  readonly #waiting: PendingAppend[] = [];
  /** Index of the first append that has records outside of any slab. */
  #unslabbed = 0;
  #gathering: CommitSlab;
  #idle: CommitSlab;
  #nextOffset: number;
  #durableOffset: number;
  #queuedBytes = 0;
  #running: Promise<void> | null = null;
  #failure: LogError | null = null;

  constructor(
    options: ResolvedLogOptions,
    segments: SegmentWriter,
    endOffset: number,
    listener: CommitListener,
  ) {
    this.#options = options;
    this.#segments = segments;
    this.#listener = listener;
    this.#nextOffset = endOffset;
    this.#durableOffset = endOffset;
    this.#gathering = new CommitSlab(options.batchBytesMax, options.recordBytesMax);
    this.#idle = new CommitSlab(options.batchBytesMax, options.recordBytesMax);
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  get durableOffset(): number {
    return this.#durableOffset;
  }

  get failure(): LogError | null {
    return this.#failure;
  }

  /** Why `bytes` cannot be taken now, or `null`. Asking has no effect but to try again for space. */
  refusal(bytes: number, urgent: boolean): LogError | null {
    if (this.#failure !== null) return this.#failure;
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#options.queueBytesMax) {
      return new LogError("QUEUE_FULL", `${this.#queuedBytes} bytes wait for their commit already.`);
    }
    const cause = this.#segments.fillError;
    if (cause === null) return null;
    this.#segments.fillAhead();
    // Both slabs may still have to be written, and what comes gets a frame of its own.
    const taken = this.#queuedBytes + this.#gathering.frameBytes + this.#idle.frameBytes;
    const needed = taken + frameBytes(bytes) + (urgent ? 0 : RESERVE_BYTES);
    if (needed <= this.#segments.writableBytes) return null;
    return new LogError(
      "LOG_FULL",
      `No further space can be prepared, free some on the disk: ${cause.message}`,
      { cause },
    );
  }

  append(records: readonly RecordSource[], urgent: boolean): Promise<void> {
    let bytes = 0;
    for (const record of records) {
      if (record.byteLength > this.#options.recordBytesMax)
        return Promise.reject(tooLarge(record, this.#options));
      bytes += RECORD_HEADER_BYTES + record.byteLength;
    }
    // Without records this only waits, which a full disk does not forbid.
    const refusal = records.length === 0 ? this.#failure : this.refusal(bytes, urgent);
    if (refusal !== null) return Promise.reject(refusal);
    this.#queuedBytes += bytes;
    this.#nextOffset += records.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push(new PendingAppend(records, this.#nextOffset, resolve, reject));
      this.#gather();
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /**
   * Waits for what was taken, then refuses with `reason`. Unless the log is empty, it ends with an empty batch: with
   * it, damage to the last records cannot look like a torn write.
   */
  async stop(reason: LogError, isEmpty: boolean): Promise<void> {
    while (this.#running !== null) await this.#running;
    if (this.#failure === null && !isEmpty) {
      this.#running = this.#commit().catch((error: unknown) => this.#poison(error));
      await this.#running;
      this.#running = null;
    }
    this.#failure ??= reason;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (this.#gathering.count > 0) await this.#commit();
        this.#settle();
        this.#gather();
      }
    } catch (error) {
      this.#poison(error);
    } finally {
      this.#running = null;
    }
  }

  /** One batch: seal, write, fdatasync. What arrives meanwhile is gathered in the other slab. */
  async #commit(): Promise<void> {
    const slab = this.#gathering;
    this.#gathering = this.#idle;
    this.#idle = slab;
    this.#gather();
    const firstOffset = this.#durableOffset;
    const segment = await this.#segments.segmentFor(slab.frameBytes, firstOffset);
    const appendedAt = this.#options.now();
    const frame = slab.seal(firstOffset, { epoch: segment.epoch, durableOffset: firstOffset, appendedAt });
    const position = segment.position;
    await segment.writeFrame(frame);
    await segment.file.dataSync();
    const endOffset = firstOffset + slab.count;
    this.#durableOffset = endOffset;
    slab.reset();
    this.#listener.batchCommitted({ position, firstOffset, endOffset, segmentBase: segment.baseOffset });
    this.#segments.fillAhead();
  }

  /** Moves waiting records into the gathering slab, in order, as far as they fit. */
  #gather(): void {
    for (; this.#unslabbed < this.#waiting.length; this.#unslabbed += 1) {
      const append = this.#waiting[this.#unslabbed];
      if (append === undefined) return;
      for (; append.next < append.records.length; append.next += 1) {
        const record = append.records[append.next];
        if (record === undefined || !this.#gathering.tryAdd(record)) return;
        this.#queuedBytes -= RECORD_HEADER_BYTES + record.byteLength;
      }
    }
  }

  /** Resolves the appends that are durable as a whole. */
  #settle(): void {
    let settled = 0;
    for (const append of this.#waiting) {
      if (append.endOffset > this.#durableOffset) break;
      append.resolve();
      settled += 1;
    }
    this.#waiting.splice(0, settled);
    this.#unslabbed -= settled;
  }

  /** A failed write or fdatasync is final: the kernel may have dropped the pages, and a retry would say "durable". */
  #poison(cause: unknown): void {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const failure = new LogError(
      "LOG_POISONED",
      `A write to the log failed, nothing more is written: ${detail}`,
      { cause },
    );
    this.#failure = failure;
    this.#listener.poisoned(failure);
    for (const append of this.#waiting.splice(0)) append.reject(failure);
  }
}

function tooLarge(record: RecordSource, options: ResolvedLogOptions): LogError {
  return new LogError(
    "RECORD_TOO_LARGE",
    `A record of ${record.byteLength} bytes is larger than recordBytesMax (${options.recordBytesMax}).`,
  );
}

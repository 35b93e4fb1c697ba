import { invariant } from "../errors/invariant.ts";
import { BATCH_HEADER_BYTES, frameBytes, RECORD_HEADER_BYTES, sealFrame } from "../format/batch-frame.ts";
import type { RecordSource } from "./record-source.ts";

/** What a seal needs to know besides the records. */
export interface SealFields {
  readonly epoch: number;
  readonly durableOffset: number;
  readonly appendedAt: number;
}

/** A preallocated buffer in which one batch is gathered. Reusing two of them costs half of allocating each. */
export class CommitSlab {
  readonly #bytes: Buffer;
  readonly #bodyBytesMax: number;
  #end = BATCH_HEADER_BYTES;
  #count = 0;

  constructor(batchBytesMax: number, recordBytesMax: number) {
    this.#bodyBytesMax = batchBytesMax;
    this.#bytes = Buffer.alloc(frameBytes(Math.max(batchBytesMax, recordBytesMax + RECORD_HEADER_BYTES)));
  }

  get count(): number {
    return this.#count;
  }

  get frameBytes(): number {
    return frameBytes(this.#end - BATCH_HEADER_BYTES);
  }

  /** Adds a record if it fits. An empty slab takes any record up to the largest. */
  tryAdd(record: RecordSource): boolean {
    const end = this.#end + RECORD_HEADER_BYTES + record.byteLength;
    if (this.#count > 0 && end > BATCH_HEADER_BYTES + this.#bodyBytesMax) return false;
    this.#bytes.writeUInt32LE(record.byteLength, this.#end);
    record.writeTo(this.#bytes, this.#end + RECORD_HEADER_BYTES);
    this.#end = end;
    this.#count += 1;
    return true;
  }

  /** The finished frame, a view on the slab. */
  seal(firstOffset: number, fields: SealFields): Buffer {
    invariant(fields.durableOffset <= firstOffset, "a batch cannot prove itself durable");
    const bodyBytes = this.#end - BATCH_HEADER_BYTES;
    return sealFrame(this.#bytes, { bodyBytes, count: this.#count, firstOffset, ...fields });
  }

  reset(): void {
    this.#end = BATCH_HEADER_BYTES;
    this.#count = 0;
  }
}

import { crc32 } from "node:zlib";
import { readWhole, writeWhole } from "./whole-number.ts";

/*
 * A batch is what one fdatasync commits. It starts at a multiple of 8 bytes and is padded with zeros to one.
 *
 *      0       4       8      12      16             24             32             40      44     48
 *      +-------+-------+-------+-------+--------------+--------------+--------------+-------+------+----
 *      | magic | body  | epoch | count | first offset | durable      | appended at  | body  |header| body
 *      | WBLB  | bytes | u32   | u32   | u64          | offset u64   | u64 ms       | CRC   | CRC  | …
 *      +-------+-------+-------+-------+--------------+--------------+--------------+-------+------+----
 *
 *      body = count records, each  | length u32 | bytes |
 *
 * `durable offset`: everything before it was on disk when this batch was written. A count of 0 is a seal: it adds no
 * record and only proves that.
 */
const MAGIC = 0x424c4257; // "WBLB"

export const BATCH_HEADER_BYTES = 48;
export const RECORD_HEADER_BYTES = 4;
/** Frames start at multiples of this. */
export const FRAME_ALIGNMENT_BYTES = 8;

export interface BatchHeader {
  readonly bodyBytes: number;
  readonly epoch: number;
  readonly count: number;
  readonly firstOffset: number;
  readonly durableOffset: number;
  readonly appendedAt: number;
  readonly bodyCrc: number;
}

/** Bytes that a batch takes in its segment, with header and padding. */
export function frameBytes(bodyBytes: number): number {
  const bytes = BATCH_HEADER_BYTES + bodyBytes;
  return bytes + ((FRAME_ALIGNMENT_BYTES - (bytes % FRAME_ALIGNMENT_BYTES)) % FRAME_ALIGNMENT_BYTES);
}

/** Writes header and padding around a body that already stands at `BATCH_HEADER_BYTES`; answers the whole frame. */
export function sealFrame(slab: Buffer, header: Omit<BatchHeader, "bodyCrc">): Buffer {
  const bodyEnd = BATCH_HEADER_BYTES + header.bodyBytes;
  const frameEnd = frameBytes(header.bodyBytes);
  slab.fill(0, bodyEnd, frameEnd);
  slab.writeUInt32LE(MAGIC, 0);
  slab.writeUInt32LE(header.bodyBytes, 4);
  slab.writeUInt32LE(header.epoch, 8);
  slab.writeUInt32LE(header.count, 12);
  writeWhole(slab, header.firstOffset, 16);
  writeWhole(slab, header.durableOffset, 24);
  writeWhole(slab, header.appendedAt, 32);
  slab.writeUInt32LE(crc32(slab.subarray(BATCH_HEADER_BYTES, bodyEnd)), 40);
  slab.writeUInt32LE(crc32(slab.subarray(0, 44)), 44);
  return slab.subarray(0, frameEnd);
}

/** The header at `at`, or `null` if there is none whose own CRC matches. The body is not looked at. */
export function decodeBatchHeader(source: Buffer, at: number): BatchHeader | null {
  if (at + BATCH_HEADER_BYTES > source.length || source.readUInt32LE(at) !== MAGIC) return null;
  if (source.readUInt32LE(at + 44) !== crc32(source.subarray(at, at + 44))) return null;
  return {
    bodyBytes: source.readUInt32LE(at + 4),
    epoch: source.readUInt32LE(at + 8),
    count: source.readUInt32LE(at + 12),
    firstOffset: readWhole(source, at + 16),
    durableOffset: readWhole(source, at + 24),
    appendedAt: readWhole(source, at + 32),
    bodyCrc: source.readUInt32LE(at + 40),
  };
}

/** One stored record. `data` is a view on the block that was read. */
export interface LogRecord {
  readonly offset: number;
  readonly data: Buffer;
}

/** The records of the batch at `at`, or what is wrong with its body. */
export function decodeBody(source: Buffer, at: number, header: BatchHeader): LogRecord[] | string {
  const start = at + BATCH_HEADER_BYTES;
  const end = start + header.bodyBytes;
  if (end > source.length) return "the batch is cut off";
  if (crc32(source.subarray(start, end)) !== header.bodyCrc) return "the CRC of the batch does not match";
  const records: LogRecord[] = [];
  let next = start;
  for (let index = 0; index < header.count; index += 1) {
    if (next + RECORD_HEADER_BYTES > end) return "the batch holds fewer records than it says";
    const dataStart = next + RECORD_HEADER_BYTES;
    next = dataStart + source.readUInt32LE(next);
    if (next > end) return "a record is longer than its batch";
    records.push({ offset: header.firstOffset + index, data: source.subarray(dataStart, next) });
  }
  return next === end ? records : "the batch holds more than it says";
}

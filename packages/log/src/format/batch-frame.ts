import { crc32 } from "node:zlib";
import type { GapReason } from "./log-gap.ts";
import { readWhole, writeWhole } from "./whole-number.ts";

/*
 * A batch is what one fdatasync commits. It starts at a multiple of 8 bytes and is padded with zeros to one. All numbers
 * are little endian; the CRCs are CRC-32 as in zlib.
 *
 *      0       4       8      12      16             24             32             40      44     48
 *      +-------+-------+-------+-------+--------------+--------------+--------------+-------+------+------+-----+
 *      | magic | body  | epoch | count | first offset | durable      | appended at  | body  |header| body | 0-7 |
 *      |       | bytes | u32   | u32   | u64          | offset u64   | u64 ms       | CRC   | CRC  |      |zeros|
 *      +-------+-------+-------+-------+--------------+--------------+--------------+-------+------+------+-----+
 *      |<------------------------- covered by the header CRC ------------------------------>|
 *
 *      magic   what it is                   body
 *      WBLB    a batch of `count` records   each  | length u32 | bytes |
 *      WBLL    `count` offsets were lost    none: a repair gave their records up
 *      WBLD    `count` offsets were dropped none: retention freed their segment
 *
 * In a gap, `body bytes` is the upper half of a `count` of 64 bits: one frame says as much as needed.
 *
 * `epoch` is that of the segment, `first offset` the end of the batch before: a batch in a wrong place is noticed.
 * `durable offset`: everything before it was on disk when this batch was written; never more than `first offset`. A WBLB
 * with a count of 0 is a seal: it adds no record and only proves that.
 */
const WORD = 2 ** 32;
const MAGIC_LEAD = 0x4c4257; // "WBL"
const MAGIC_RECORDS = 0x42; // "B"
const GAP_MAGICS = { lost: 0x4c, dropped: 0x44 } as const satisfies Record<GapReason, number>;

export const BATCH_HEADER_BYTES = 48;
export const RECORD_HEADER_BYTES = 4;
/** Frames start at multiples of this. */
export const FRAME_ALIGNMENT_BYTES = 8;
/** What every frame starts with. */
export const MAGIC_LEAD_BYTES: Buffer = Buffer.from("WBL");

export interface BatchHeader {
  /** `null`: a batch of records. Otherwise why there are none. */
  readonly gap: GapReason | null;
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
export function sealFrame(slab: Buffer, header: Omit<BatchHeader, "bodyCrc" | "gap">): Buffer {
  const bodyEnd = BATCH_HEADER_BYTES + header.bodyBytes;
  const frameEnd = frameBytes(header.bodyBytes);
  slab.fill(0, bodyEnd, frameEnd);
  writeHeader(slab, MAGIC_RECORDS, slab.subarray(BATCH_HEADER_BYTES, bodyEnd), header);
  return slab.subarray(0, frameEnd);
}

/** A frame which says that offsets hold no record. */
export function sealGap(
  reason: GapReason,
  header: Omit<BatchHeader, "bodyBytes" | "bodyCrc" | "gap">,
): Buffer {
  const frame = Buffer.alloc(BATCH_HEADER_BYTES);
  writeHeader(frame, GAP_MAGICS[reason], frame.subarray(0, 0), {
    ...header,
    bodyBytes: Math.floor(header.count / WORD),
    count: header.count % WORD,
  });
  return frame;
}

function writeHeader(
  slab: Buffer,
  magic: number,
  body: Buffer,
  header: Omit<BatchHeader, "bodyCrc" | "gap">,
): void {
  slab.writeUIntLE(MAGIC_LEAD, 0, 3);
  slab.writeUInt8(magic, 3);
  slab.writeUInt32LE(header.bodyBytes, 4);
  slab.writeUInt32LE(header.epoch, 8);
  slab.writeUInt32LE(header.count, 12);
  writeWhole(slab, header.firstOffset, 16);
  writeWhole(slab, header.durableOffset, 24);
  writeWhole(slab, header.appendedAt, 32);
  slab.writeUInt32LE(crc32(body), 40);
  slab.writeUInt32LE(crc32(slab.subarray(0, 44)), 44);
}

/** The header at `at`, or `null` if there is none that a log could have written. The body is not looked at. */
export function decodeBatchHeader(source: Buffer, at: number): BatchHeader | null {
  if (at + BATCH_HEADER_BYTES > source.length || source.readUIntLE(at, 3) !== MAGIC_LEAD) return null;
  if (source.readUInt32LE(at + 44) !== crc32(source.subarray(at, at + 44))) return null;
  const gap = gapOf(source.readUInt8(at + 3));
  if (gap === undefined) return null;
  const length = source.readUInt32LE(at + 4);
  const count = source.readUInt32LE(at + 12);
  const header: BatchHeader = {
    gap,
    bodyBytes: gap === null ? length : 0,
    epoch: source.readUInt32LE(at + 8),
    count: gap === null ? count : count + length * WORD,
    firstOffset: readWhole(source, at + 16),
    durableOffset: readWhole(source, at + 24),
    appendedAt: readWhole(source, at + 32),
    bodyCrc: source.readUInt32LE(at + 40),
  };
  return isPossible(header) ? header : null;
}

/** A CRC is no proof against whoever can compute one: what no log writes is not believed. */
function isPossible({ gap, bodyBytes, bodyCrc, count, firstOffset, durableOffset }: BatchHeader): boolean {
  if (!Number.isSafeInteger(firstOffset + count) || durableOffset > firstOffset) return false;
  // The CRC of no bytes is 0.
  if (gap !== null || count === 0) return bodyBytes === 0 && bodyCrc === 0;
  return bodyBytes >= count * RECORD_HEADER_BYTES;
}

function gapOf(magic: number): GapReason | null | undefined {
  if (magic === MAGIC_RECORDS) return null;
  if (magic === GAP_MAGICS.lost) return "lost";
  return magic === GAP_MAGICS.dropped ? "dropped" : undefined;
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
  if (header.gap !== null) return records;
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

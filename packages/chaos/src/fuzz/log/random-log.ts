import { crc32 } from "node:zlib";
import {
  BATCH_HEADER_BYTES,
  encodeSegmentHeader,
  frameBytes,
  RECORD_HEADER_BYTES,
  sealFrame,
  sealGap,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from "@waybill/log/internal";
import type { Seeded } from "../../seeded.ts";

/** A segment file in the making. */
export interface Segment {
  name: string;
  header: Buffer;
  /** Whole frames, in order. */
  frames: Buffer[];
  zeros: number;
}

export interface RandomLog {
  readonly segments: Segment[];
  /** What is stored, by offset; offsets in gaps are not there. */
  readonly stored: ReadonlyMap<number, Buffer>;
}

const FRAMES_MAX = 6;
const RECORDS_MAX = 5;
const RECORD_BYTES_MAX = 60;

/** A log as it could have been written: one to three segments of batches, seals and gaps. */
export function randomLog(chance: Seeded): RandomLog {
  const stored = new Map<number, Buffer>();
  const segments: Segment[] = [];
  let offset = chance.below(4) === 0 ? chance.below(2 ** 32) * chance.below(1000) : 0;
  for (let left = 1 + chance.below(3); left > 0; left -= 1) {
    const epoch = 1 + chance.below(2 ** 32 - 1);
    const header = encodeSegmentHeader({ baseOffset: offset, epoch, createdAt: chance.below(2 ** 41) });
    const segment: Segment = { name: segmentName(offset), header, frames: [], zeros: 8 * chance.below(40) };
    // Only the last one may be empty: two cannot have one name.
    for (let frames = chance.below(FRAMES_MAX) + (left === 1 ? 0 : 1); frames > 0; frames -= 1) {
      const isFirst = segment.frames.length === 0;
      const frame = randomFrame(chance, { epoch, offset, stored, isFirst });
      segment.frames.push(frame.bytes);
      offset += frame.count;
    }
    segments.push(segment);
  }
  return { segments, stored };
}

interface FramePlace {
  readonly epoch: number;
  readonly offset: number;
  readonly stored: Map<number, Buffer>;
  readonly isFirst: boolean;
}

function randomFrame(
  chance: Seeded,
  { epoch, offset, stored, isFirst }: FramePlace,
): { readonly bytes: Buffer; readonly count: number } {
  const common = { epoch, firstOffset: offset, durableOffset: offset, appendedAt: chance.below(2 ** 41) };
  const kind = chance.below(12);
  if (kind < 2) {
    const count = kind === 0 ? 1 + chance.below(9) : 1 + chance.below(2 ** 40);
    return { bytes: sealGap(chance.below(2) === 0 ? "lost" : "dropped", { ...common, count }), count };
  }
  const count = (isFirst ? 1 : 0) + chance.below(RECORDS_MAX);
  const pieces: Buffer[] = [Buffer.alloc(BATCH_HEADER_BYTES)];
  for (let index = 0; index < count; index += 1) {
    const data = randomBytes(chance, chance.below(RECORD_BYTES_MAX));
    const length = Buffer.alloc(RECORD_HEADER_BYTES);
    length.writeUInt32LE(data.length);
    pieces.push(length, data);
    stored.set(offset + index, data);
  }
  const body = Buffer.concat(pieces);
  const bodyBytes = body.length - BATCH_HEADER_BYTES;
  const slab = Buffer.alloc(frameBytes(bodyBytes));
  body.copy(slab);
  return { bytes: sealFrame(slab, { ...common, count, bodyBytes }), count };
}

export function randomBytes(chance: Seeded, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; at += 1) bytes[at] = chance.below(256);
  return bytes;
}

/** The file that a segment is. */
export function fileOf({ header, frames, zeros }: Segment): Buffer {
  return Buffer.concat([header, ...frames, Buffer.alloc(zeros)]);
}

/** Makes the CRCs of a frame right again: damage that no checksum shows. */
export function resealFrame(frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  if (copy.length < BATCH_HEADER_BYTES) return copy;
  const bodyEnd = Math.min(copy.length, BATCH_HEADER_BYTES + copy.readUInt32LE(4));
  copy.writeUInt32LE(crc32(copy.subarray(BATCH_HEADER_BYTES, bodyEnd)), 40);
  copy.writeUInt32LE(crc32(copy.subarray(0, 44)), 44);
  return copy;
}

/** The same for the header of a segment. */
export function resealHeader(header: Buffer): Buffer {
  const copy = Buffer.from(header);
  copy.writeUInt32LE(crc32(copy.subarray(0, SEGMENT_HEADER_BYTES - 4)), SEGMENT_HEADER_BYTES - 4);
  return copy;
}

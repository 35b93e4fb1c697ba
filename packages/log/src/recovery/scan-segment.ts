import { decodeBatchHeader, decodeBody, FRAME_ALIGNMENT_BYTES, frameBytes } from "../format/batch-frame.ts";
import { SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { LogFile } from "../ports/file-system.ts";
import type { SegmentPlace } from "../segment/segment.ts";

/** Where the valid batches of a segment end, and what stands behind them. */
export interface SegmentScan {
  readonly endPosition: number;
  readonly endOffset: number;
  readonly fileBytes: number;
  /** The last valid batch, a view on memory. Only it may not be durable: each batch was written after the one before. */
  readonly lastFrame: { readonly position: number; readonly bytes: Buffer } | null;
  /** `null`: only zeros follow. */
  readonly bad: BadTail | null;
}

export interface BadTail {
  readonly reason: string;
  /** Behind the last byte that is not zero. */
  readonly dirtyEnd: number;
  /** Position of a valid batch header behind the bad place, or `null`. With one, this is no torn write. */
  readonly validFrameAt: number | null;
}

/** Reads a whole segment, checks every batch, and tells `onBatch` where each one is. */
export async function scanSegment(
  file: LogFile,
  place: SegmentPlace,
  onBatch: (offset: number, position: number) => void,
): Promise<SegmentScan> {
  const fileBytes = await file.size();
  // One segment at a time is in memory; its size is bounded by the options of the log.
  const bytes = Buffer.allocUnsafeSlow(fileBytes);
  const read = bytes.subarray(0, await file.read(bytes, 0));
  let position = SEGMENT_HEADER_BYTES;
  let offset = place.baseOffset;
  let reason = "there is no batch header";
  let foreignAt: number | null = null;
  let lastFrame: SegmentScan["lastFrame"] = null;
  for (;;) {
    const header = decodeBatchHeader(read, position);
    if (header === null) break;
    if (header.epoch !== place.epoch || header.firstOffset !== offset) {
      // A whole header that does not belong here was never left behind by a torn write.
      reason = "the batch belongs to another place";
      foreignAt = position;
      break;
    }
    const body = decodeBody(read, position, header);
    if (typeof body === "string") {
      reason = body;
      break;
    }
    onBatch(offset, position);
    const end = position + frameBytes(header.bodyBytes);
    lastFrame = { position, bytes: read.subarray(position, end) };
    offset += header.count;
    position = end;
  }
  return {
    endPosition: position,
    endOffset: offset,
    fileBytes,
    lastFrame,
    bad: badTail(read, { position, place, reason, foreignAt }),
  };
}

interface BadPlace {
  readonly position: number;
  readonly place: SegmentPlace;
  readonly reason: string;
  readonly foreignAt: number | null;
}

function badTail(bytes: Buffer, { position, place, reason, foreignAt }: BadPlace): BadTail | null {
  const dirtyEnd = endOfData(bytes, position);
  if (dirtyEnd <= position) return null;
  const validFrameAt = foreignAt ?? findFrame(bytes, position + FRAME_ALIGNMENT_BYTES, dirtyEnd, place);
  return { reason, dirtyEnd, validFrameAt };
}

/** Behind the last byte from `start` on that is not zero. */
function endOfData(bytes: Buffer, start: number): number {
  const zeros = Buffer.alloc(64 * 1024);
  let end = bytes.length;
  while (end - zeros.length >= start && bytes.subarray(end - zeros.length, end).equals(zeros))
    end -= zeros.length;
  while (end > start && bytes[end - 1] === 0) end -= 1;
  return end;
}

function findFrame(bytes: Buffer, from: number, end: number, place: SegmentPlace): number | null {
  for (let at = from; at < end; at += FRAME_ALIGNMENT_BYTES) {
    const header = decodeBatchHeader(bytes, at);
    if (header !== null && header.epoch === place.epoch && header.firstOffset >= place.baseOffset) return at;
  }
  return null;
}

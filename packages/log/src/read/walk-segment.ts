import type { BatchHeader, LogRecord } from "../format/batch-frame.ts";
import {
  BATCH_HEADER_BYTES,
  decodeBatchHeader,
  decodeBody,
  FRAME_ALIGNMENT_BYTES,
  frameBytes,
  MAGIC_LEAD_BYTES,
} from "../format/batch-frame.ts";
import { SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { FileWindow } from "./file-window.ts";

/** A batch that is what was written. Frame and records are views that end with the next step. */
interface BatchPart {
  readonly kind: "batch";
  readonly position: number;
  readonly header: BatchHeader;
  readonly frame: Buffer;
  readonly records: readonly LogRecord[];
}

/** Bytes that are neither batches nor zeros to the end of the file. */
export interface BadPart {
  readonly kind: "bad";
  readonly position: number;
  /** Where the next batch begins, or behind the last byte that is not zero. */
  readonly endPosition: number;
  /** The first offset that should stand here. */
  readonly offset: number;
  /** The offset with which batches go on behind it, or `null`. */
  readonly nextOffset: number | null;
  /** Position of a whole batch header at or behind it. With one, no crash left this. */
  readonly validFrameAt: number | null;
  readonly reason: string;
}

export type SegmentPart = BatchPart | BadPart;

/** The first offset of a segment, and its epoch; `null` takes that of the first batch. */
export interface WalkPlace {
  readonly baseOffset: number;
  readonly epoch: number | null;
}

/**
 * Everything that stands in a segment behind its header, from front to back. Takes time in proportion to the file and
 * memory for one batch, whatever the bytes are.
 */
export async function* walkSegment(window: FileWindow, place: WalkPlace): AsyncGenerator<SegmentPart> {
  let { baseOffset: offset, epoch } = place;
  let position = SEGMENT_HEADER_BYTES;
  let dataEnd: number | null = null;
  for (;;) {
    const step = await readBatch(window, { position, offset, epoch });
    if (step.kind === "batch") {
      yield step;
      ({ epoch } = step.header);
      offset += step.header.count;
      position += frameBytes(step.header.bodyBytes);
      continue;
    }
    dataEnd ??= await window.endOfData(SEGMENT_HEADER_BYTES);
    if (dataEnd <= position) return;
    const { reason, foreignAt, searchFrom, end } = step;
    const next = await findFrame(window, searchFrom, { end: dataEnd, epoch, offset });
    yield {
      kind: "bad",
      position,
      endPosition: next?.position ?? Math.max(dataEnd, end),
      offset,
      nextOffset: next?.header.firstOffset ?? null,
      validFrameAt: foreignAt ?? next?.position ?? null,
      reason,
    };
    if (next === null) return;
    ({ position } = next);
    ({ firstOffset: offset, epoch } = next.header);
  }
}

interface WalkState {
  readonly position: number;
  readonly offset: number;
  readonly epoch: number | null;
}

interface NoBatch {
  readonly kind: "none";
  readonly reason: string;
  readonly foreignAt: number | null;
  readonly searchFrom: number;
  /** Up to here it is known to go. */
  readonly end: number;
}

async function readBatch(window: FileWindow, state: WalkState): Promise<BatchPart | NoBatch> {
  const { position, offset, epoch } = state;
  const header = decodeBatchHeader(await window.view(position, BATCH_HEADER_BYTES), 0);
  const behind = position + FRAME_ALIGNMENT_BYTES;
  const none = { kind: "none", foreignAt: null, searchFrom: behind, end: position } as const;
  if (header === null) return { ...none, reason: "there is no batch header" };
  const isOfSegment = epoch === null || header.epoch === epoch;
  if (!isOfSegment || header.firstOffset !== offset) {
    // A whole header that does not belong here was never left behind by a torn write.
    const searchFrom = isOfSegment && header.firstOffset > offset ? position : behind;
    return { ...none, reason: "the batch belongs to another place", foreignAt: position, searchFrom };
  }
  if (position + BATCH_HEADER_BYTES + header.bodyBytes > window.fileBytes)
    return { ...none, reason: "the batch is cut off" };
  const frame = await window.view(position, frameBytes(header.bodyBytes));
  const records = decodeBody(frame, 0, header);
  if (typeof records !== "string") return { kind: "batch", position, header, frame, records };
  // The header is whole, so its length is right: what stands within the body is no batch.
  const end = position + frame.length;
  return { ...none, reason: records, searchFrom: end, end };
}

interface Search {
  readonly end: number;
  readonly epoch: number | null;
  readonly offset: number;
}

const SEARCH_BYTES = 256 * 1024;

/** The next batch header that may stand in this segment at or behind `from`. */
async function findFrame(
  window: FileWindow,
  from: number,
  { end, epoch, offset }: Search,
): Promise<{ readonly position: number; readonly header: BatchHeader } | null> {
  for (let start = from; start < end; start += SEARCH_BYTES) {
    const bytes = await window.view(start, SEARCH_BYTES + BATCH_HEADER_BYTES);
    for (let at = bytes.indexOf(MAGIC_LEAD_BYTES); at !== -1 && at < SEARCH_BYTES;) {
      const header = at % FRAME_ALIGNMENT_BYTES === 0 ? decodeBatchHeader(bytes, at) : null;
      if (header !== null && (epoch === null || header.epoch === epoch) && header.firstOffset >= offset)
        return { position: start + at, header };
      at = bytes.indexOf(MAGIC_LEAD_BYTES, at + 1);
    }
  }
  return null;
}

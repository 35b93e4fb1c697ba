import { frameBytes } from "../format/batch-frame.ts";
import { SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { LogFile } from "../ports/file-system.ts";
import { FileWindow } from "../read/file-window.ts";
import type { BadPart } from "../read/walk-segment.ts";
import { walkSegment } from "../read/walk-segment.ts";
import type { SegmentPlace } from "../segment/segment.ts";

/** Where the valid batches of a segment end, and what stands behind them. */
export interface SegmentScan {
  readonly endPosition: number;
  readonly endOffset: number;
  readonly fileBytes: number;
  /** The last valid batch. Only it may not be durable: each batch was written after the one before. */
  readonly lastFrame: { readonly position: number; readonly bytes: Buffer } | null;
  /** `null`: only zeros follow. */
  readonly bad: BadPart | null;
}

/** Reads a whole segment, checks every batch, and tells `onBatch` where each one is. */
export async function scanSegment(
  file: LogFile,
  place: SegmentPlace,
  onBatch: (offset: number, position: number) => void,
): Promise<SegmentScan> {
  const window = await FileWindow.on(file, { salvage: false });
  let endPosition = SEGMENT_HEADER_BYTES;
  let endOffset = place.baseOffset;
  let lastPosition: number | null = null;
  let bad: BadPart | null = null;
  for await (const part of walkSegment(window, place)) {
    if (part.kind === "bad") {
      bad = part;
      break;
    }
    onBatch(endOffset, part.position);
    lastPosition = part.position;
    endOffset += part.header.count;
    endPosition = part.position + frameBytes(part.header.bodyBytes);
  }
  let lastFrame: SegmentScan["lastFrame"] = null;
  if (lastPosition !== null) {
    // The padding may be missing in the file.
    const bytes = Buffer.alloc(endPosition - lastPosition);
    (await window.view(lastPosition, bytes.length)).copy(bytes);
    lastFrame = { position: lastPosition, bytes };
  }
  return { endPosition, endOffset, fileBytes: window.fileBytes, lastFrame, bad };
}

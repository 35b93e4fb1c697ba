import type { LogGap } from "../format/log-gap.ts";
import { frameBytes } from "../format/batch-frame.ts";
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { FileWindow } from "../read/file-window.ts";
import type { BadPart } from "../read/walk-segment.ts";
import { walkSegment } from "../read/walk-segment.ts";
import type { SegmentInspection } from "./inspection.ts";
import type { SegmentFile } from "./list-segment-files.ts";

/** One segment file, read whole. */
export interface ExaminedSegment {
  readonly file: SegmentFile;
  readonly found: SegmentInspection;
  readonly bads: readonly BadPart[];
  readonly gaps: readonly LogGap[];
  /** Why some bytes could not be read from the disk, or `null`. */
  readonly unreadable: string | null;
}

/** Reads one segment from front to back. Memory for one batch; damage is no error. */
export async function examineSegment(fileSystem: FileSystem, listed: SegmentFile): Promise<ExaminedSegment> {
  const opened = await fileSystem.open(listed.path, "read");
  try {
    const window = await FileWindow.on(opened, { salvage: true });
    // Since it was listed, its owner may have put another file of the same name there.
    const now = decodeSegmentHeader(await window.view(0, SEGMENT_HEADER_BYTES));
    const isSame = typeof now !== "string" && now.baseOffset === listed.baseOffset;
    const file: SegmentFile = isSame ? { ...listed, ...now } : listed;
    const bads: BadPart[] = [];
    const gaps: LogGap[] = [];
    const { baseOffset, createdAt } = file;
    let endOffset = baseOffset;
    let usedBytes = Math.min(SEGMENT_HEADER_BYTES, window.fileBytes);
    let dataEnd = usedBytes;
    let batchCount = 0;
    let recordCount = 0;
    let lastAppendedAt: number | null = null;
    for await (const part of walkSegment(window, file)) {
      if (part.kind === "bad") {
        bads.push(part);
        dataEnd = part.endPosition;
        continue;
      }
      const { header, records } = part;
      const bytes = frameBytes(header.bodyBytes);
      endOffset = header.firstOffset + header.count;
      if (header.gap !== null)
        addGap(gaps, { fromOffset: header.firstOffset, toOffset: endOffset, reason: header.gap });
      batchCount += 1;
      recordCount += records.length;
      usedBytes += bytes;
      lastAppendedAt = header.appendedAt;
      dataEnd = Math.min(part.position + bytes, window.fileBytes);
    }
    const { fileBytes, unreadable } = window;
    const freeBytes = fileBytes - dataEnd;
    const counts = { endOffset, fileBytes, usedBytes, freeBytes, batchCount, recordCount };
    const found = { file: file.path, baseOffset, ...counts, createdAt, lastAppendedAt };
    return { file, found, bads, gaps, unreadable };
  } finally {
    await opened.close();
  }
}

/** Adds a gap behind the others; one that goes on where the last one ended makes that longer. */
export function addGap(gaps: LogGap[], gap: LogGap): void {
  const last = gaps.at(-1);
  if (last !== undefined && last.reason === gap.reason && last.toOffset === gap.fromOffset)
    gaps[gaps.length - 1] = { ...last, toOffset: gap.toOffset };
  else gaps.push(gap);
}

import type { BatchHeader, LogRecord } from "../format/batch-frame.ts";
import { BATCH_HEADER_BYTES, RECORD_HEADER_BYTES } from "../format/batch-frame.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { FileWindow } from "../read/file-window.ts";
import { walkSegment } from "../read/walk-segment.ts";
import type { SegmentStamp } from "../segment/segment-builder.ts";
import { SegmentBuilder } from "../segment/segment-builder.ts";
import type { SegmentFile } from "./list-segment-files.ts";

/**
 * Writes to `path` what can be read of a segment, up to `limitOffset`, with gaps for what cannot. The file that is read
 * stays as it is.
 */
export async function rebuildSegment(
  fileSystem: FileSystem,
  source: SegmentFile,
  target: { readonly path: string; readonly limitOffset: number; readonly stamp: SegmentStamp },
): Promise<void> {
  const { path, limitOffset, stamp } = target;
  const file = await fileSystem.open(source.path, "read");
  try {
    const builder = await SegmentBuilder.begin(fileSystem, path, source.baseOffset, stamp);
    try {
      const window = await FileWindow.on(file, { salvage: true });
      for await (const part of walkSegment(window, source)) {
        if (part.kind === "bad") continue;
        const { header, records, frame } = part;
        if (header.firstOffset >= limitOffset) break;
        await builder.gapTo(header.firstOffset, "lost");
        if (header.firstOffset + header.count <= limitOffset) await builder.batch(frame, header);
        else if (header.gap !== null) await builder.gapTo(limitOffset, header.gap);
        else await takePart(builder, header, records.slice(0, limitOffset - header.firstOffset));
      }
      await builder.gapTo(limitOffset, "lost");
      await builder.sync();
    } finally {
      await builder.close();
    }
  } finally {
    await file.close();
  }
}

/** The first records of a batch whose others stand in the next segment. */
async function takePart(
  builder: SegmentBuilder,
  header: BatchHeader,
  records: readonly LogRecord[],
): Promise<void> {
  const pieces: Buffer[] = [Buffer.alloc(BATCH_HEADER_BYTES)];
  for (const { data } of records) {
    const length = Buffer.alloc(RECORD_HEADER_BYTES);
    length.writeUInt32LE(data.length);
    pieces.push(length, data);
  }
  const frame = Buffer.concat(pieces);
  const bodyBytes = frame.length - BATCH_HEADER_BYTES;
  await builder.batch(frame, { ...header, count: records.length, bodyBytes });
}

import { join } from "node:path";
import { openLog, recordOf } from "@waybill/log";
import {
  BATCH_HEADER_BYTES,
  decodeBatchHeader,
  frameBytes,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from "@waybill/log/internal";
import { SimulatedDisk } from "@waybill/log/testing";
import { SMALL } from "./log-sizes.ts";

/** Segment files by name. */
export type SegmentBytes = ReadonlyMap<string, Buffer>;

export interface StoredLog {
  /** Records in order; the index is the offset. */
  readonly contents: readonly string[];
  /** As a crash leaves it: nothing seals the end. */
  readonly files: SegmentBytes;
  /** The offsets with which the segments begin. */
  readonly bases: readonly number[];
}

/** A log of several segments, each of several batches of one to three records. */
export async function storedLog(options: {
  readonly records: number;
  readonly recordBytes?: number;
}): Promise<StoredLog> {
  const { records, recordBytes = 200 } = options;
  const disk = new SimulatedDisk(() => 0);
  const log = await openLog({
    ...SMALL,
    directory: "/data",
    fileSystem: disk,
    acquireLock: () => ({ release: () => {} }),
  });
  const contents: string[] = [];
  for (let next = 0; next < records;) {
    const batch = Array.from({ length: 1 + (next % 3) }, (_, index) =>
      `record ${next + index}`.padEnd(recordBytes, "."),
    );
    await log.append(batch.map((text) => recordOf(Buffer.from(text))));
    contents.push(...batch);
    next += batch.length;
  }
  const bases = log.segments.map(({ baseOffset }) => baseOffset);
  const files = new Map<string, Buffer>();
  for (const base of bases) {
    const name = segmentName(base);
    files.set(name, Buffer.from(disk.contents(join("/data/log", name)) ?? Buffer.alloc(0)));
  }
  await log.close();
  return { contents, files, bases };
}

/** Where a batch stands, and what it holds. */
export interface Place {
  readonly name: string;
  readonly position: number;
  readonly end: number;
  readonly bodyEnd: number;
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** All batches, in order. */
export function placesOf(files: SegmentBytes): Place[] {
  return Array.from(files).flatMap(([name, bytes]) => {
    const places: Place[] = [];
    for (let position = SEGMENT_HEADER_BYTES; ;) {
      const header = decodeBatchHeader(bytes, position);
      if (header === null) return places;
      const end = position + frameBytes(header.bodyBytes);
      const bodyEnd = position + BATCH_HEADER_BYTES + header.bodyBytes;
      const { firstOffset: fromOffset, count } = header;
      places.push({ name, position, end, bodyEnd, fromOffset, toOffset: fromOffset + count });
      position = end;
    }
  });
}

/** `files` with one changed. */
export function withFile(
  files: SegmentBytes,
  name: string,
  change: (bytes: Buffer) => Buffer | null,
): Map<string, Buffer> {
  const changed = new Map(files);
  const bytes = change(Buffer.from(files.get(name) ?? Buffer.alloc(0)));
  if (bytes === null) changed.delete(name);
  else changed.set(name, bytes);
  return changed;
}

/** `files` with one bit changed, counted from the beginning of a file. */
export function flipped(files: SegmentBytes, name: string, bit: number): Map<string, Buffer> {
  return withFile(files, name, (bytes) => {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return bytes;
  });
}

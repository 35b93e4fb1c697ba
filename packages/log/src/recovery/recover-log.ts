import { join } from "node:path";
import { LogCorruptError } from "../errors/log-error.ts";
import {
  decodeSegmentHeader,
  parseRepairedName,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from "../format/segment-header.ts";
import type { ResolvedLogOptions } from "../options.ts";
import type { LogFile } from "../ports/file-system.ts";
import type { SegmentPlace } from "../segment/segment.ts";
import { WritableSegment } from "../segment/segment.ts";
import type { SegmentCatalog } from "../segment/segment-catalog.ts";
import type { BadPart } from "../read/walk-segment.ts";
import type { SegmentScan } from "./scan-segment.ts";
import { scanSegment } from "./scan-segment.ts";

/** A write that a crash cut off: it was never confirmed, and its bytes are kept in `file`. */
export interface TornTail {
  readonly file: string;
  readonly bytes: number;
  readonly offset: number;
}

export interface Recovery {
  readonly endOffset: number;
  readonly current: WritableSegment | null;
  readonly tornTail: TornTail | null;
}

/**
 * Finds the end of the log. A bad frame is a torn tail only in the last segment, at or past the last proven durable
 * offset, with no valid frame behind it: its bytes are kept aside and cut off. Anything else is corruption.
 *
 * @throws LogError `LOG_CORRUPT` with file, byte and record; nothing was changed then.
 */
export async function recoverLog(
  options: ResolvedLogOptions,
  folder: string,
  catalog: SegmentCatalog,
): Promise<Recovery> {
  const names = await options.fileSystem.list(folder);
  checkRepaired(folder, names);
  const bases = names.map(parseSegmentName).filter((base) => base !== null);
  bases.sort((a, b) => a - b);
  for (const base of bases) catalog.add(await readPlace(options, folder, base));
  const last = catalog.segments.at(-1);
  if (last === undefined) {
    checkProven({ file: folder, position: 0, offset: 0 }, options.provenOffset);
    return { endOffset: 0, current: null, tornTail: null };
  }
  const file = await options.fileSystem.open(last.path, "write");
  try {
    const scan = await scanSegment(file, last, (offset, position) => last.index.add(offset, position));
    const place = { file: last.path, position: scan.endPosition, offset: scan.endOffset };
    if (scan.bad !== null && scan.bad.validFrameAt !== null) {
      throw new LogCorruptError(
        place,
        `${scan.bad.reason}, but byte ${scan.bad.validFrameAt} begins a valid batch`,
      );
    }
    checkProven(place, options.provenOffset);
    const tornTail = scan.bad === null ? null : await cutOff(options, file, last, scan, scan.bad);
    // What a process had written before it was killed, or before its fdatasync failed, may stand in the page cache
    // only, and even be marked as clean there. Written again and synced, it counts as durable.
    if (scan.lastFrame !== null) await file.write(scan.lastFrame.bytes, scan.lastFrame.position);
    await file.dataSync();
    await options.fileSystem.syncDirectory(folder);
    const filled = Math.max(scan.endPosition, tornTail === null ? scan.fileBytes : scan.endPosition);
    const current = new WritableSegment(file, last.path, options.segmentBytes, scan.endPosition, filled);
    current.baseOffset = last.baseOffset;
    current.epoch = last.epoch;
    return { endOffset: scan.endOffset, current, tornTail };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function checkRepaired(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const offset = parseRepairedName(name);
    if (offset === null) continue;
    throw new LogCorruptError(
      { file: join(folder, name), position: 0, offset },
      "a repair was cut off before this file was in its place; repair again",
    );
  }
}

async function readPlace(options: ResolvedLogOptions, folder: string, base: number): Promise<SegmentPlace> {
  const path = join(folder, segmentName(base));
  const file = await options.fileSystem.open(path, "read");
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const header = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
    const place = { file: path, position: 0, offset: base };
    if (typeof header === "string") throw new LogCorruptError(place, header);
    if (header.baseOffset !== base)
      throw new LogCorruptError(place, `its header says record ${header.baseOffset}`);
    return { path, baseOffset: base, epoch: header.epoch };
  } finally {
    await file.close();
  }
}

function checkProven(place: { file: string; position: number; offset: number }, provenOffset: number): void {
  if (place.offset >= provenOffset) return;
  throw new LogCorruptError(place, `records up to ${provenOffset} were on disk once and are not there`);
}

/** Keeps the torn bytes aside before it cuts them off, so that nothing is ever destroyed. */
async function cutOff(
  options: ResolvedLogOptions,
  file: LogFile,
  segment: SegmentPlace,
  scan: SegmentScan,
  bad: BadPart,
): Promise<TornTail> {
  const { fileSystem, directory } = options;
  const torn = Buffer.alloc(bad.endPosition - scan.endPosition);
  await file.read(torn, scan.endPosition);
  const folder = join(directory, "torn");
  await fileSystem.makeDirectory(folder);
  const earlier = await fileSystem.list(folder);
  const path = join(folder, `${segmentName(segment.baseOffset)}.${scan.endPosition}.${earlier.length}`);
  const aside = await fileSystem.open(path, "create");
  try {
    await aside.write(torn, 0);
    await aside.dataSync();
  } finally {
    await aside.close();
  }
  await fileSystem.syncDirectory(folder);
  await file.truncate(scan.endPosition);
  await file.dataSync();
  return { file: path, bytes: torn.length, offset: scan.endOffset };
}

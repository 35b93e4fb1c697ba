import { LogCorruptError, LogError } from "../errors/log-error.ts";
import type { BatchHeader, LogRecord } from "../format/batch-frame.ts";
import { BATCH_HEADER_BYTES, decodeBatchHeader, decodeBody, frameBytes } from "../format/batch-frame.ts";
import type { LogGap } from "../format/log-gap.ts";
import { SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { CatalogSegment, SegmentCatalog } from "../segment/segment-catalog.ts";

/**
 * Records in order, and where the next ones begin. Their data are views on one block of memory. Every offset from the one
 * asked for to `nextOffset` is that of a record or lies in a gap.
 */
export interface LogBlock {
  readonly records: readonly LogRecord[];
  /** Offsets that hold no record, in order. Almost always empty. */
  readonly gaps: readonly LogGap[];
  /** Pass it to the next read. Equal to the offset asked for when there is nothing yet. */
  readonly nextOffset: number;
}

const BLOCK_BYTES = 256 * 1024;
const BLOCKS_CACHED_MAX = 8;
const HINTS_MAX = 256;

interface Cursor {
  readonly segment: CatalogSegment;
  readonly position: number;
  /** Offset of the batch at `position`. */
  readonly offset: number;
}

/**
 * Reads durable records in blocks of 256 KiB or more. Blocks that are read one after the other need no search, and
 * the last few are kept, so that several readers at the same place cost one read.
 */
export class LogReader {
  readonly #catalog: SegmentCatalog;
  readonly #cursors = new Map<number, Cursor>();
  readonly #blocks = new Map<number, LogBlock>();

  constructor(catalog: SegmentCatalog) {
    this.#catalog = catalog;
  }

  /**
   * The records from `fromOffset` on, as many as one block holds and none from `endOffset` on.
   *
   * @throws LogError `OFFSET_DROPPED` when the offset lies before the first segment, `LOG_CORRUPT` when stored bytes
   * are damaged.
   */
  async read(fromOffset: number, endOffset: number): Promise<LogBlock> {
    if (fromOffset >= endOffset) return { records: [], gaps: [], nextOffset: fromOffset };
    const cached = this.#blocks.get(fromOffset);
    if (cached !== undefined && cached.nextOffset <= endOffset) return cached;
    let cursor = this.#cursorFor(fromOffset);
    let bytes = BLOCK_BYTES;
    for (;;) {
      const { gap } = cursor.segment;
      if (gap !== null) return withinGap(gap, fromOffset, endOffset);
      const block = await this.#readBlock(cursor, bytes);
      if (block === null) {
        cursor = this.#cursorFor(Math.max(cursor.offset, fromOffset));
        continue;
      }
      const segmentEnd = this.#catalog.endOf(cursor.segment.baseOffset);
      const parsed = parseBlock(block, cursor, { fromOffset, endOffset, segmentEnd });
      if (parsed.nextOffset > fromOffset) return this.#keep(fromOffset, parsed);
      // Nothing yet: a batch larger than the block, batches before `fromOffset`, or the end of the segment.
      const isCut = parsed.neededBytes > block.length;
      if (isCut && parsed.next.position === cursor.position) {
        await this.#checkLength(cursor, parsed.neededBytes);
        if (bytes >= parsed.neededBytes) throw shortRead(cursor, block.length, parsed.neededBytes);
      }
      bytes = Math.max(BLOCK_BYTES, parsed.neededBytes);
      if (isCut || parsed.next.position > cursor.position) cursor = parsed.next;
      else cursor = this.#nextSegment(cursor);
    }
  }

  /** `null`: the segment was taken away meanwhile; look for the offset again. */
  async #readBlock(cursor: Cursor, bytes: number): Promise<Buffer | null> {
    const { segment, position } = cursor;
    const block = Buffer.allocUnsafeSlow(bytes);
    try {
      const filled = await this.#catalog.read(segment, block, position);
      if (this.#catalog.holds(segment)) return block.subarray(0, filled);
    } catch (error) {
      if (this.#catalog.holds(segment)) throw error;
    }
    return null;
  }

  /** Before memory is taken for a batch: a length that the file cannot hold is damage. */
  async #checkLength(cursor: Cursor, bytes: number): Promise<void> {
    const size = await this.#catalog.sizeOf(cursor.segment);
    if (cursor.position + bytes > size) throw corrupt(cursor, "the file is cut off");
  }

  /** Lets go of what is remembered about offsets before `offset`. */
  forgetBefore(offset: number): void {
    for (const map of [this.#cursors, this.#blocks]) {
      // One at `offset` itself may still stand at the end of a segment that goes.
      for (const key of map.keys()) if (key <= offset) map.delete(key);
    }
  }

  #cursorFor(offset: number): Cursor {
    const hint = this.#cursors.get(offset);
    if (hint !== undefined && this.#catalog.holds(hint.segment)) return hint;
    const segment = this.#catalog.find(offset);
    if (segment === null) throw new LogError("OFFSET_DROPPED", `Record ${offset} is no longer in the log.`);
    const start = segment.index.find(offset) ?? {
      offset: segment.baseOffset,
      position: SEGMENT_HEADER_BYTES,
    };
    return { segment, ...start };
  }

  #nextSegment(cursor: Cursor): Cursor {
    const segment = this.#catalog.startingAt(cursor.offset);
    if (segment === null || segment === cursor.segment)
      throw corrupt(cursor, "a batch is missing or unreadable");
    return { segment, position: SEGMENT_HEADER_BYTES, offset: segment.baseOffset };
  }

  #keep(fromOffset: number, parsed: ParsedBlock): LogBlock {
    const { records, gaps, nextOffset } = parsed;
    const block: LogBlock = { records, gaps, nextOffset };
    if (parsed.nextOffset === parsed.next.offset)
      remember(this.#cursors, parsed.nextOffset, parsed.next, HINTS_MAX);
    if (!parsed.cutByEnd) remember(this.#blocks, fromOffset, block, BLOCKS_CACHED_MAX);
    return block;
  }
}

interface ParsedBlock {
  readonly records: LogRecord[];
  readonly gaps: LogGap[];
  readonly nextOffset: number;
  /** Behind the last whole batch of the block. */
  readonly next: Cursor;
  /** Size of the batch that the block cut off, or 0. */
  readonly neededBytes: number;
  /** The block ended at `endOffset`: there may be more later. */
  readonly cutByEnd: boolean;
}

interface BlockBounds {
  readonly fromOffset: number;
  readonly endOffset: number;
  /** Where the next segment begins. */
  readonly segmentEnd: number;
}

function parseBlock(
  block: Buffer,
  start: Cursor,
  { fromOffset, endOffset, segmentEnd }: BlockBounds,
): ParsedBlock {
  const { segment } = start;
  const records: LogRecord[] = [];
  const gaps: LogGap[] = [];
  let at = 0;
  let { offset } = start;
  let neededBytes = 0;
  while (offset < endOffset) {
    const cursor: Cursor = { segment, position: start.position + at, offset };
    const header = decodeBatchHeader(block, at);
    if (header === null) break;
    checkHeader(header, cursor, segmentEnd);
    // The padding of the last batch of a file may be missing.
    neededBytes = BATCH_HEADER_BYTES + header.bodyBytes;
    if (at + neededBytes > block.length) break;
    segment.index.add(offset, cursor.position);
    offset += header.count;
    if (offset > fromOffset && header.gap !== null) {
      const gapEnd = Math.min(offset, endOffset);
      gaps.push({
        fromOffset: Math.max(header.firstOffset, fromOffset),
        toOffset: gapEnd,
        reason: header.gap,
      });
    } else if (offset > fromOffset) {
      const body = decodeBody(block, at, header);
      if (typeof body === "string") throw corrupt(cursor, body);
      for (const record of body)
        if (record.offset >= fromOffset && record.offset < endOffset) records.push(record);
    }
    at += frameBytes(header.bodyBytes);
    neededBytes = 0;
  }
  const next: Cursor = { segment, position: start.position + at, offset };
  return {
    records,
    gaps,
    nextOffset: Math.min(offset, endOffset),
    next,
    neededBytes,
    cutByEnd: offset >= endOffset,
  };
}

function withinGap({ toOffset, reason }: LogGap, fromOffset: number, endOffset: number): LogBlock {
  const nextOffset = Math.min(toOffset, endOffset);
  return { records: [], gaps: [{ fromOffset, toOffset: nextOffset, reason }], nextOffset };
}

function checkHeader(header: BatchHeader, cursor: Cursor, segmentEnd: number): void {
  if (header.epoch !== cursor.segment.epoch) throw corrupt(cursor, "the batch belongs to another segment");
  if (header.firstOffset !== cursor.offset) {
    throw corrupt(cursor, `the batch begins with record ${header.firstOffset}`);
  }
  if (header.firstOffset + header.count > segmentEnd)
    throw corrupt(cursor, `the next segment begins with record ${segmentEnd}`);
}

function remember<T>(map: Map<number, T>, key: number, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

function shortRead({ segment, position }: Cursor, count: number, bytes: number): LogError {
  return new LogError(
    "READ_SHORT",
    `The disk gave ${count} of ${bytes} bytes of ${segment.path} at byte ${position}.`,
  );
}

function corrupt(cursor: Cursor, reason: string): LogCorruptError {
  return new LogCorruptError(
    { file: cursor.segment.path, position: cursor.position, offset: cursor.offset },
    reason,
  );
}

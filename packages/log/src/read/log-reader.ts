import { LogCorruptError, LogError } from "../errors/log-error.ts";
import type { BatchHeader, LogRecord } from "../format/batch-frame.ts";
import { decodeBatchHeader, decodeBody, frameBytes } from "../format/batch-frame.ts";
import { SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { CatalogSegment, SegmentCatalog } from "../segment/segment-catalog.ts";

/** Consecutive records, and where the next ones begin. Their data are views on one block of memory. */
export interface LogBlock {
  readonly records: readonly LogRecord[];
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
    if (fromOffset >= endOffset) return { records: [], nextOffset: fromOffset };
    const cached = this.#blocks.get(fromOffset);
    if (cached !== undefined && cached.nextOffset <= endOffset) return cached;
    let cursor = this.#cursorFor(fromOffset);
    let bytes = BLOCK_BYTES;
    for (;;) {
      const block = Buffer.allocUnsafeSlow(bytes);
      const filled = block.subarray(0, await this.#catalog.read(cursor.segment, block, cursor.position));
      const parsed = parseBlock(filled, cursor, fromOffset, endOffset);
      if (parsed.records.length > 0) return this.#keep(fromOffset, parsed);
      // Nothing yet: a batch larger than the block, batches before `fromOffset`, or the end of the segment.
      bytes = Math.max(BLOCK_BYTES, parsed.neededBytes);
      if (parsed.next.position > cursor.position || parsed.neededBytes > filled.length) {
        const cutOff =
          parsed.neededBytes > filled.length &&
          filled.length < block.length &&
          parsed.next.position === cursor.position;
        if (cutOff) throw corrupt(cursor, "the file is cut off");
        cursor = parsed.next;
      } else {
        cursor = this.#nextSegment(cursor);
      }
    }
  }

  forgetBefore(offset: number): void {
    for (const map of [this.#cursors, this.#blocks]) {
      // One at `offset` itself may still stand at the end of a segment that goes.
      for (const key of map.keys()) if (key <= offset) map.delete(key);
    }
  }

  #cursorFor(offset: number): Cursor {
    const hint = this.#cursors.get(offset);
    if (hint !== undefined) return hint;
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
    const block: LogBlock = { records: parsed.records, nextOffset: parsed.nextOffset };
    if (parsed.nextOffset === parsed.next.offset)
      remember(this.#cursors, parsed.nextOffset, parsed.next, HINTS_MAX);
    if (!parsed.cutByEnd) remember(this.#blocks, fromOffset, block, BLOCKS_CACHED_MAX);
    return block;
  }
}

interface ParsedBlock {
  readonly records: LogRecord[];
  readonly nextOffset: number;
  /** Behind the last whole batch of the block. */
  readonly next: Cursor;
  /** Size of the batch that the block cut off, or 0. */
  readonly neededBytes: number;
  /** The block ended at `endOffset`: there may be more later. */
  readonly cutByEnd: boolean;
}

function parseBlock(block: Buffer, start: Cursor, fromOffset: number, endOffset: number): ParsedBlock {
  const { segment } = start;
  const records: LogRecord[] = [];
  let at = 0;
  let { offset } = start;
  let neededBytes = 0;
  while (offset < endOffset) {
    const cursor: Cursor = { segment, position: start.position + at, offset };
    const header = decodeBatchHeader(block, at);
    if (header === null) break;
    checkHeader(header, cursor);
    neededBytes = frameBytes(header.bodyBytes);
    if (at + neededBytes > block.length) break;
    segment.index.add(offset, cursor.position);
    offset += header.count;
    if (offset > fromOffset) {
      const body = decodeBody(block, at, header);
      if (typeof body === "string") throw corrupt(cursor, body);
      for (const record of body)
        if (record.offset >= fromOffset && record.offset < endOffset) records.push(record);
    }
    at += neededBytes;
    neededBytes = 0;
  }
  const next: Cursor = { segment, position: start.position + at, offset };
  return {
    records,
    nextOffset: Math.min(offset, endOffset),
    next,
    neededBytes,
    cutByEnd: offset >= endOffset,
  };
}

function checkHeader(header: BatchHeader, cursor: Cursor): void {
  if (header.epoch !== cursor.segment.epoch) throw corrupt(cursor, "the batch belongs to another segment");
  if (header.firstOffset !== cursor.offset) {
    throw corrupt(cursor, `the batch begins with record ${header.firstOffset}`);
  }
}

function remember<T>(map: Map<number, T>, key: number, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

function corrupt(cursor: Cursor, reason: string): LogCorruptError {
  return new LogCorruptError(
    { file: cursor.segment.path, position: cursor.position, offset: cursor.offset },
    reason,
  );
}

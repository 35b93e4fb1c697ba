import { join } from "node:path";
import { LogCorruptError, LogError, LogLostError } from "./errors/log-error.ts";
import type { LogRecord } from "./format/batch-frame.ts";
import type { LogGap } from "./format/log-gap.ts";
import type { LogOptions, ResolvedLogOptions } from "./options.ts";
import { resolveLogOptions } from "./options.ts";
import { inspectLog } from "./offline/inspect-log.ts";
import type { OwnerLock } from "./ports/owner-lock.ts";
import type { LogBlock } from "./read/log-reader.ts";
import { LogReader } from "./read/log-reader.ts";
import type { Recovery, TornTail } from "./recovery/recover-log.ts";
import { recoverLog } from "./recovery/recover-log.ts";
import { writeGapSegment } from "./segment/segment-builder.ts";
import type { SegmentRange } from "./segment/segment-catalog.ts";
import { SegmentCatalog } from "./segment/segment-catalog.ts";
import { SegmentWriter } from "./segment/segment-writer.ts";
import { GroupCommit } from "./write/group-commit.ts";
import type { RecordSource } from "./write/record-source.ts";

/** A crash-safe, append-only log of records, numbered 0, 1, 2, … and owned by one process. Made by `openLog`. */
export class Log implements AsyncDisposable {
  /** What recovery cut off, or `null`. It was never confirmed. */
  readonly tornTail: TornTail | null;
  /** Set when a write failed; the log takes nothing more until it is opened again. */
  onPoisoned: (error: LogError) => void = () => {};
  readonly #options: ResolvedLogOptions;
  readonly #folder: string;
  readonly #lock: OwnerLock;
  readonly #catalog: SegmentCatalog;
  readonly #reader: LogReader;
  readonly #segments: SegmentWriter;
  readonly #commits: GroupCommit;
  #dropping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(
    options: ResolvedLogOptions,
    parts: { folder: string; lock: OwnerLock; catalog: SegmentCatalog; recovery: Recovery },
  ) {
    const { folder, lock, catalog, recovery } = parts;
    this.#options = options;
    this.#folder = folder;
    this.#lock = lock;
    this.#catalog = catalog;
    this.tornTail = recovery.tornTail;
    this.#reader = new LogReader(catalog);
    this.#segments = new SegmentWriter(options, folder, recovery.current, {
      segmentBegun: (place) => catalog.add(place),
    });
    this.#commits = new GroupCommit(options, this.#segments, recovery.endOffset, {
      batchCommitted: ({ firstOffset, position }) =>
        catalog.find(firstOffset)?.index.add(firstOffset, position),
      poisoned: (error) => this.onPoisoned(error),
    });
  }

  /** Offset of the oldest record that is kept, or of the next one. */
  get firstOffset(): number {
    return this.#catalog.segments[0]?.baseOffset ?? this.durableOffset;
  }

  /** The offset that the next appended record gets. */
  get nextOffset(): number {
    return this.#commits.nextOffset;
  }

  /** Every record before it is on stable storage and can be read. */
  get durableOffset(): number {
    return this.#commits.durableOffset;
  }

  /** Why the log takes nothing more, or `null`. */
  get failure(): LogError | null {
    return this.#commits.failure;
  }

  /** Why `bytes` would be refused now (`QUEUE_FULL`, `LOG_FULL`, poisoned, closed), or `null`. */
  refusal(bytes: number): LogError | null {
    return this.#commits.refusal(bytes, false);
  }

  /**
   * Resolves when all records, and everything appended before them, are on stable storage. They get consecutive
   * offsets from `nextOffset` on, at the call. Without records it only waits for what was appended before.
   *
   * @param options.urgent may use the reserve that is kept for a full disk
   * @throws LogError refused, nothing appended: `QUEUE_FULL`, `LOG_FULL`, `RECORD_TOO_LARGE`, `LOG_CLOSED`.
   * `LOG_POISONED`: a write failed; the records may be there after the next open, or not.
   */
  append(records: readonly RecordSource[], options: { readonly urgent?: boolean } = {}): Promise<void> {
    return this.#commits.append(records, options.urgent ?? false);
  }

  /**
   * Durable records from `fromOffset` on, a block of them.
   *
   * @throws LogError `OFFSET_DROPPED`, `LOG_CORRUPT`.
   */
  read(fromOffset: number): Promise<LogBlock> {
    return this.#reader.read(fromOffset, this.durableOffset);
  }

  /**
   * The durable records from `fromOffset` up to where the log ended at the call. `onGap` is told, in between, which offsets
   * hold none; without it, offsets that a repair gave up are an error, and dropped ones are passed over.
   *
   * @throws LogError as `read`, and `OFFSETS_LOST`.
   */
  async *records(
    fromOffset = this.firstOffset,
    onGap: (gap: LogGap) => void = refuseLost,
  ): AsyncGenerator<LogRecord> {
    const end = this.durableOffset;
    for (let next = fromOffset; next < end;) {
      const { records, gaps, nextOffset } = await this.#reader.read(next, end);
      let told = 0;
      for (const record of records) {
        for (; (gaps[told]?.fromOffset ?? Infinity) < record.offset; told += 1) tell(gaps[told], onGap);
        yield record;
      }
      for (; told < gaps.length; told += 1) tell(gaps[told], onGap);
      next = nextOffset;
    }
  }

  /** Removes the oldest segments that hold nothing from `offset` on; never the one in use. */
  dropBefore(offset: number): Promise<void> {
    return this.#afterDrops(() => this.#drop(Math.min(offset, this.durableOffset)));
  }

  /**
   * Frees the space of every segment whose offsets all lie in `[fromOffset, toOffset)`; never of the one in use. Readers are
   * told of a gap there, reason `dropped`. What it frees comes back whole if the machine loses power at once.
   */
  dropRange(fromOffset: number, toOffset: number): Promise<void> {
    if (fromOffset <= this.firstOffset) return this.dropBefore(toOffset);
    return this.#afterDrops(() => this.#empty(fromOffset, Math.min(toOffset, this.durableOffset)));
  }

  /** The segments in order. The last one is in use. */
  get segments(): readonly SegmentRange[] {
    const { segments } = this.#catalog;
    return segments.map(({ baseOffset, gap }, index) => ({
      baseOffset,
      endOffset: segments[index + 1]?.baseOffset ?? this.durableOffset,
      isDropped: gap !== null,
    }));
  }

  /** Size of the segments on disk. */
  async sizeBytes(): Promise<number> {
    let bytes = 0;
    for (const { path } of this.#catalog.segments) {
      const file = await this.#options.fileSystem.open(path, "read");
      try {
        bytes += await file.size();
      } finally {
        await file.close();
      }
    }
    return bytes;
  }

  get segmentCount(): number {
    return this.#catalog.segments.length;
  }

  /** Waits for what was appended, seals the log, gives the directory free. Closing twice does nothing more. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One at a time. The caller is told of a failure; the next call, and `close`, go on. */
  #afterDrops(drop: () => Promise<void>): Promise<void> {
    const dropped = this.#dropping.then(drop);
    this.#dropping = dropped.catch(() => {});
    return dropped;
  }

  /** A small file takes the place of each segment in one step, so that a missing one still means damage. */
  async #empty(fromOffset: number, toOffset: number): Promise<void> {
    const { fileSystem, epoch, now } = this.#options;
    const { segments } = this.#catalog;
    const draft = join(this.#folder, "drop.tmp");
    let count = 0;
    for (const [index, segment] of [...segments].entries()) {
      const { baseOffset, path, gap } = segment;
      const endOffset = segments[index + 1]?.baseOffset ?? Infinity;
      if (gap !== null || baseOffset < fromOffset || endOffset > toOffset) continue;
      const stamp = { epoch: epoch(), now: now() };
      await writeGapSegment(fileSystem, draft, { baseOffset, endOffset, reason: "dropped" }, stamp);
      this.#catalog.empty(segment, { fromOffset: baseOffset, toOffset: endOffset, reason: "dropped" });
      await this.#catalog.closeFile(path);
      await fileSystem.rename(draft, path);
      count += 1;
    }
    if (count > 0) await fileSystem.syncDirectory(this.#folder);
  }

  async #drop(offset: number): Promise<void> {
    const segments = this.#catalog.before(offset);
    if (segments.length === 0) return;
    this.#reader.forgetBefore(offset);
    for (const segment of segments) {
      // Before its file is gone, so that readers are told that it was dropped.
      this.#catalog.forgetOldest();
      try {
        await this.#catalog.closeFile(segment.path);
        await this.#options.fileSystem.remove(segment.path);
      } catch (error) {
        // One that cannot be removed stays known, and so do all behind it: a gap would look like damage.
        this.#catalog.bringBack(segment);
        throw error;
      }
    }
    await this.#options.fileSystem.syncDirectory(this.#folder);
  }

  async #close(): Promise<void> {
    try {
      const isEmpty = this.#catalog.segments.length === 0;
      await this.#commits.stop(new LogError("LOG_CLOSED", "The log is closed."), isEmpty);
      await this.#dropping;
      await this.#segments.close();
      await this.#catalog.close();
    } finally {
      this.#lock.release();
    }
  }
}

function tell(gap: LogGap | undefined, onGap: (gap: LogGap) => void): void {
  if (gap !== undefined) onGap(gap);
}

function refuseLost(gap: LogGap): void {
  if (gap.reason === "lost") throw new LogLostError(gap);
}

/**
 * Opens a log for writing and recovers it: afterwards it holds every record whose append resolved, in order, and
 * perhaps some that were in flight at a crash.
 *
 * @throws LogError `OPTIONS_INVALID`, `LOG_OWNED` (another process has it), `LOG_CORRUPT` (with the exact place; the
 * files are left as they are).
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const resolved = resolveLogOptions(options);
  const { fileSystem, directory } = resolved;
  const folder = join(directory, "log");
  await fileSystem.makeDirectory(folder);
  await fileSystem.syncDirectory(directory);
  const lock = resolved.acquireLock(directory);
  const catalog = new SegmentCatalog(fileSystem);
  try {
    const recovery = await recoverLog(resolved, folder, catalog);
    return new Log(resolved, { folder, lock, catalog, recovery });
  } catch (error) {
    await catalog.close();
    const refusal = await withDamage(error, resolved);
    lock.release();
    throw refusal;
  }
}

/** A refusal because of damage says everything that is damaged, not only what was met first. */
async function withDamage(error: unknown, options: ResolvedLogOptions): Promise<unknown> {
  if (!(error instanceof LogCorruptError)) return error;
  const { fileSystem, directory, provenOffset } = options;
  const inspection = { provenOffset, fileSystem, findOwner: () => null };
  // What was met first is enough of an answer when the rest cannot be read.
  const damage = await inspectLog(directory, inspection).then(
    (found) => found.damage,
    () => [],
  );
  return new LogCorruptError(error, error.reason, damage);
}

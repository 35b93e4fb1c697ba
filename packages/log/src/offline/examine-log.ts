import { join } from "node:path";
import { segmentName } from "../format/segment-header.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { BadPart } from "../read/walk-segment.ts";
import type { ExaminedSegment } from "./examine-segment.ts";
import { examineSegment } from "./examine-segment.ts";
import type { LogDamage, UnfinishedWrite } from "./inspection.ts";
import type { SegmentFile } from "./list-segment-files.ts";
import { isMissing, listSegmentFiles } from "./list-segment-files.ts";

/** A segment, what is damaged in it and behind it, and where it has to end. */
export interface SegmentVerdict {
  readonly segment: ExaminedSegment;
  readonly damage: readonly LogDamage[];
  /** Offsets from here on belong to the next segment, or are not known to exist. */
  readonly limitOffset: number;
  /** Nothing in it is missed: another file holds the same. */
  readonly isSpare: boolean;
  /** Records are missing behind it, and no bytes where they should be. */
  readonly isShort: boolean;
}

export interface ExaminedLog {
  readonly verdicts: readonly SegmentVerdict[];
  readonly tornTail: UnfinishedWrite | null;
  /** Records that should be there and have no segment at all. */
  readonly withoutSegment: LogDamage | null;
  readonly firstOffset: number;
  readonly endOffset: number;
}

/**
 * Reads every segment and tells damage from what a crash leaves. `isOwned`: the end may be in the middle of a write.
 *
 * @throws LogError `LOG_MISSING`
 */
export async function examineLog(
  fileSystem: FileSystem,
  directory: string,
  options: { readonly provenOffset: number; readonly isOwned: boolean },
): Promise<ExaminedLog> {
  const files = await listSegmentFiles(fileSystem, directory);
  const [kept, spares] = withoutCopies(files);
  const segments: ExaminedSegment[] = [];
  for (const file of kept) {
    const segment = await unlessMissing(examineSegment(fileSystem, file));
    // What its owner removed while it was read may have ended too early.
    const isThere = segment !== null && (await unlessMissing(openOnce(fileSystem, file.path))) !== null;
    if (isThere) segments.push(segment);
    // Its owner dropped it meanwhile, and everything before it.
    else segments.length = 0;
  }
  const verdicts = segments.map((segment, index) => judge(segment, segments[index + 1] ?? null, options));
  const tornTail = tornTailOf(segments.at(-1), options);
  const lastVerdict = verdicts.at(-1);
  for (const file of spares) verdicts.push(await spareVerdict(fileSystem, file));
  const firstOffset = segments[0]?.file.baseOffset ?? 0;
  const endOffset = Math.max(lastVerdict?.limitOffset ?? 0, options.provenOffset);
  const isEmpty = segments.length === 0 && options.provenOffset > 0;
  return {
    verdicts,
    tornTail,
    withoutSegment: isEmpty ? missingAltogether(join(directory, "log"), options.provenOffset) : null,
    firstOffset,
    endOffset,
  };
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function openOnce(fileSystem: FileSystem, path: string): Promise<void> {
  const file = await fileSystem.open(path, "read");
  await file.close();
}

/** Of files that say they begin with the same offset, one counts; and no prepared file that is not whole. */
function withoutCopies(files: readonly SegmentFile[]): [SegmentFile[], SegmentFile[]] {
  const kept: SegmentFile[] = [];
  const spares: SegmentFile[] = [];
  for (const file of files) {
    const isCopy = kept.at(-1)?.baseOffset === file.baseOffset;
    const isForeign =
      file.isUnfinished && (file.headerDamage !== null || file.nameOffset !== file.baseOffset);
    (isCopy || isForeign ? spares : kept).push(file);
  }
  return [kept, spares];
}

async function spareVerdict(fileSystem: FileSystem, file: SegmentFile): Promise<SegmentVerdict> {
  const segment = await examineSegment(fileSystem, file);
  const { baseOffset, path } = file;
  const reason = file.headerDamage ?? `another file holds what begins with record ${baseOffset}`;
  const kind = file.isUnfinished ? "unfinished" : "misplaced";
  const bytes = segment.found.fileBytes;
  const damage: LogDamage = {
    kind,
    file: path,
    position: 0,
    bytes,
    reason,
    fromOffset: baseOffset,
    toOffset: baseOffset,
  };
  return { segment, damage: [damage], limitOffset: baseOffset, isSpare: true, isShort: false };
}

function judge(
  segment: ExaminedSegment,
  next: ExaminedSegment | null,
  options: { readonly provenOffset: number; readonly isOwned: boolean },
): SegmentVerdict {
  const { file, found, bads } = segment;
  const { baseOffset } = file;
  const endPosition = found.fileBytes - found.freeBytes;
  const limitOffset = next?.file.baseOffset ?? Math.max(found.endOffset, options.provenOffset);
  const damage: LogDamage[] = [];
  const add = (
    kind: LogDamage["kind"],
    at: readonly [position: number, bytes: number],
    lost: readonly [from: number, to: number],
    reason: string,
  ): void => {
    damage.push({
      kind,
      file: file.path,
      position: at[0],
      bytes: at[1],
      reason,
      fromOffset: lost[0],
      toOffset: Math.max(...lost),
    });
  };
  if (file.isUnfinished)
    add("unfinished", [0, 0], [baseOffset, baseOffset], "a repair was cut off before it was in its place");
  if (file.headerDamage !== null)
    add("header", [0, Math.min(64, found.fileBytes)], [baseOffset, baseOffset], file.headerDamage);
  else if (file.nameOffset !== baseOffset)
    add(
      "misplaced",
      [0, 0],
      [baseOffset, baseOffset],
      `its header says that it is ${segmentName(baseOffset)}`,
    );
  const isTorn = next === null && isTornWrite(bads.at(-1), options);
  for (const bad of isTorn ? bads.slice(0, -1) : bads) {
    const reason = segment.unreadable === null ? bad.reason : `${bad.reason} (${segment.unreadable})`;
    const end = next === null ? Math.max(bad.offset, options.provenOffset) : limitOffset;
    const to = next === null ? (bad.nextOffset ?? end) : Math.min(bad.nextOffset ?? end, end);
    add("batch", [bad.position, bad.endPosition - bad.position], [bad.offset, to], reason);
  }
  const isOpenEnded = bads.at(-1)?.nextOffset === null && !isTorn;
  const isShort = found.endOffset < limitOffset && !isOpenEnded;
  if (isShort)
    add(
      "missing",
      [endPosition, 0],
      [found.endOffset, limitOffset],
      "the segment ends too early, or one behind it is gone",
    );
  if (found.endOffset > limitOffset)
    add(
      "misplaced",
      [0, 0],
      [limitOffset, limitOffset],
      `records from ${limitOffset} on stand in the next segment as well`,
    );
  return { segment, damage, limitOffset, isSpare: false, isShort };
}

/** What a crash explains: bytes at the very end, nothing whole in or behind them, nothing in them proven durable. */
function isTornWrite(
  bad: BadPart | undefined,
  { provenOffset, isOwned }: { readonly provenOffset: number; readonly isOwned: boolean },
): bad is BadPart {
  if (bad === undefined || bad.nextOffset !== null) return false;
  return isOwned || (bad.validFrameAt === null && bad.offset >= provenOffset);
}

function tornTailOf(
  last: ExaminedSegment | undefined,
  options: { readonly provenOffset: number; readonly isOwned: boolean },
): UnfinishedWrite | null {
  const bad = last?.bads.at(-1);
  if (last === undefined || !isTornWrite(bad, options)) return null;
  const { position, endPosition, offset, reason } = bad;
  return { file: last.file.path, position, bytes: endPosition - position, offset, reason };
}

function missingAltogether(folder: string, provenOffset: number): LogDamage {
  const reason = `records up to ${provenOffset} were on disk once, and there is no segment`;
  return {
    kind: "missing",
    file: folder,
    position: 0,
    bytes: 0,
    reason,
    fromOffset: 0,
    toOffset: provenOffset,
  };
}

import type { LogGap } from "../format/log-gap.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { FindOwner } from "../ports/owner-lock.ts";
import { nodeFileSystem } from "../system/node-file-system.ts";
import { findSqliteOwner } from "../system/sqlite-owner-lock.ts";
import { addGap } from "./examine-segment.ts";
import type { ExaminedLog } from "./examine-log.ts";
import { examineLog } from "./examine-log.ts";
import type { LogInspection } from "./inspection.ts";

export interface InspectOptions {
  /** Everything before this offset is known (from elsewhere, a checkpoint) to have been on disk. Default 0. */
  readonly provenOffset?: number;
  readonly fileSystem?: FileSystem;
  readonly findOwner?: FindOwner;
}

/**
 * Reads every byte of a log and changes none, whether it is damaged, open in another process, or both. Memory for one
 * batch at a time. What is not in `damage` can be read.
 *
 * @throws LogError `LOG_MISSING` when the directory holds no log.
 */
export async function inspectLog(directory: string, options: InspectOptions = {}): Promise<LogInspection> {
  const { provenOffset = 0, fileSystem = nodeFileSystem, findOwner = findSqliteOwner } = options;
  const owner = findOwner(directory);
  const examined = await examineLog(fileSystem, directory, { provenOffset, isOwned: owner !== null });
  return toInspection(directory, owner, examined);
}

export function toInspection(
  directory: string,
  owner: LogInspection["owner"],
  { verdicts, tornTail, withoutSegment, firstOffset, endOffset }: ExaminedLog,
): LogInspection {
  const segments = verdicts.filter(({ isSpare }) => !isSpare).map(({ segment }) => segment.found);
  const gaps: LogGap[] = [];
  for (const { segment, isSpare } of verdicts)
    if (!isSpare) for (const gap of segment.gaps) addGap(gaps, gap);
  const damage = verdicts.flatMap((verdict) => verdict.damage);
  if (withoutSegment !== null) damage.push(withoutSegment);
  return {
    directory,
    owner,
    segments,
    firstOffset,
    endOffset,
    batchCount: segments.reduce((sum, segment) => sum + segment.batchCount, 0),
    recordCount: segments.reduce((sum, segment) => sum + segment.recordCount, 0),
    fileBytes: segments.reduce((sum, segment) => sum + segment.fileBytes, 0),
    gaps,
    tornTail,
    damage: damage.toSorted((a, b) => a.fromOffset - b.fromOffset || a.position - b.position),
  };
}

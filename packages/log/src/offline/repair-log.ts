import { join } from "node:path";
import type { LogGap } from "../format/log-gap.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { AcquireLock, FindOwner } from "../ports/owner-lock.ts";
import { nodeFileSystem } from "../system/node-file-system.ts";
import { acquireSqliteLock, findSqliteOwner } from "../system/sqlite-owner-lock.ts";
import { systemEpoch, systemNow } from "../system/system-sources.ts";
import { applyRepair } from "./apply-repair.ts";
import type { ExaminedLog } from "./examine-log.ts";
import { examineLog } from "./examine-log.ts";
import { addGap } from "./examine-segment.ts";
import { toInspection } from "./inspect-log.ts";
import type { LogDamage, LogRepair, RepairStep } from "./inspection.ts";
import { listSegmentFiles } from "./list-segment-files.ts";
import type { PlannedStep } from "./plan-repair.ts";
import { planRepair } from "./plan-repair.ts";

export interface RepairOptions {
  /** `true` changes files; otherwise it is only said what would be done. */
  readonly apply: boolean;
  /** Everything before this offset is known (from elsewhere, a checkpoint) to have been on disk. Default 0. */
  readonly provenOffset?: number;
  readonly fileSystem?: FileSystem;
  readonly acquireLock?: AcquireLock;
  readonly findOwner?: FindOwner;
  readonly now?: () => number;
  readonly epoch?: () => number;
}

/** Leftovers, the damage, damage in what was left over, and a look that finds nothing. */
const TURNS_MAX = 4;

type ResolvedRepairOptions = Required<RepairOptions>;

const DEFAULTS = {
  provenOffset: 0,
  fileSystem: nodeFileSystem,
  acquireLock: acquireSqliteLock,
  findOwner: findSqliteOwner,
  now: systemNow,
  epoch: systemEpoch,
} as const satisfies Omit<ResolvedRepairOptions, "apply">;

/**
 * Makes a damaged log open again with every record that can be read, each under its own offset. Offsets whose records
 * are given up are listed in `lost`, and readers are told of them as gaps. No damaged file is altered: it moves to a
 * folder `damaged-1`, `damaged-2`, … of the directory, and a new one takes its place, at once and as a whole. A repair
 * that is cut off leaves a log that does not open, and the next one finishes it. A torn tail is left to the next open.
 *
 * Without `apply` nothing is changed, and the answer says what would be.
 *
 * @throws LogError `LOG_MISSING`; `LOG_OWNED` when a process has the directory open (only with `apply`). Errors of the
 * file system, a full disk for one, come as they are: repair again.
 */
export async function repairLog(directory: string, options: RepairOptions): Promise<LogRepair> {
  const resolved: ResolvedRepairOptions = { ...DEFAULTS, ...options };
  const { apply, fileSystem, provenOffset, acquireLock, findOwner, now, epoch } = resolved;
  const owner = findOwner(directory);
  await listSegmentFiles(fileSystem, directory);
  const lock = apply ? acquireLock(directory) : null;
  try {
    const isOwned = lock === null && owner !== null;
    const examine = (): Promise<ExaminedLog> => examineLog(fileSystem, directory, { provenOffset, isOwned });
    let examined = await examine();
    const found = toInspection(directory, lock === null ? owner : null, examined);
    const steps: PlannedStep[] = [];
    for (let turns = 0; turns < TURNS_MAX; turns += 1) {
      const asideFolder = await freeFolder(fileSystem, directory);
      const plan = planRepair(examined, directory, asideFolder);
      // What an earlier repair left over goes first: its name is needed.
      const leftovers = plan.filter(({ kind, source }) => kind === "remove" && source?.isUnfinished === true);
      const turn = apply && leftovers.length > 0 ? leftovers : plan;
      steps.push(...turn);
      if (!apply || turn.length === 0) break;
      const stamp = () => ({ epoch: epoch(), now: now() });
      await applyRepair({ fileSystem, directory, asideFolder, stamp }, turn);
      // Looked at again: what an earlier repair had prepared may be damaged itself.
      examined = await examine();
    }
    const lost = lostOf(found.damage);
    return { applied: apply, found, steps: steps.map(toStep), lost };
  } finally {
    lock?.release();
  }
}

function toStep({ kind, file, keptAs }: PlannedStep): RepairStep {
  return { kind, file, keptAs };
}

function lostOf(damage: readonly LogDamage[]): LogGap[] {
  const lost: LogGap[] = [];
  for (const { fromOffset, toOffset } of damage)
    if (toOffset > fromOffset) addGap(lost, { fromOffset, toOffset, reason: "lost" });
  return lost;
}

/** A name for the folder of damaged files that is not taken. */
async function freeFolder(fileSystem: FileSystem, directory: string): Promise<string> {
  const taken = new Set(await fileSystem.list(directory));
  let count = 1;
  while (taken.has(`damaged-${count}`)) count += 1;
  return join(directory, `damaged-${count}`);
}

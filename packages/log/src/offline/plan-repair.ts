import { basename, join } from "node:path";
import { segmentName } from "../format/segment-header.ts";
import type { ExaminedLog, SegmentVerdict } from "./examine-log.ts";
import type { RepairStep } from "./inspection.ts";
import type { SegmentFile } from "./list-segment-files.ts";

/** A step with what is needed to take it. */
export interface PlannedStep extends RepairStep {
  /** The file that is damaged or prepared, `null` if there is none. */
  readonly source: SegmentFile | null;
  /** The first offset of the file that is made. */
  readonly baseOffset: number;
  /** It says something about every offset up to here. */
  readonly limitOffset: number;
}

/** What makes a log whole again, in the order in which it is done. Damaged files go to `asideFolder`. */
export function planRepair(examined: ExaminedLog, directory: string, asideFolder: string): PlannedStep[] {
  const folder = join(directory, "log");
  const steps = examined.verdicts.flatMap((verdict) => stepFor(verdict, folder, asideFolder) ?? []);
  const missing = examined.withoutSegment;
  if (missing !== null) steps.push(addition(folder, missing.fromOffset, missing.toOffset));
  // A prepared file goes to its place first: what comes after it may look at it.
  return steps.toSorted((a, b) => Number(b.kind === "finish") - Number(a.kind === "finish"));
}

function stepFor(verdict: SegmentVerdict, folder: string, asideFolder: string): PlannedStep | null {
  const { segment, damage, limitOffset, isSpare, isShort } = verdict;
  const { file: source, found } = segment;
  const { baseOffset } = source;
  const own = join(folder, segmentName(baseOffset));
  const common = { source, baseOffset, limitOffset };
  if (source.isUnfinished && !isSpare) return { ...common, kind: "finish", file: own, keptAs: null };
  const keptAs = join(asideFolder, basename(source.path));
  if (isSpare) return { ...common, kind: "remove", file: source.path, keptAs };
  const isDamaged = damage.some(({ kind }) => kind !== "missing");
  // A segment without batches has the name that the gap behind it would get.
  if (isDamaged || (isShort && found.endOffset === baseOffset))
    return { ...common, kind: "rewrite", file: own, keptAs };
  return isShort ? addition(folder, found.endOffset, limitOffset) : null;
}

function addition(folder: string, baseOffset: number, limitOffset: number): PlannedStep {
  const file = join(folder, segmentName(baseOffset));
  return { kind: "add", file, keptAs: null, source: null, baseOffset, limitOffset };
}

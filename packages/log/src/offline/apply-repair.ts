import { join } from "node:path";
import { repairedName } from "../format/segment-header.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { PlannedStep } from "./plan-repair.ts";
import type { SegmentStamp } from "../segment/segment-builder.ts";
import { writeGapSegment } from "../segment/segment-builder.ts";
import { rebuildSegment } from "./rebuild-segment.ts";

export interface RepairPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly asideFolder: string;
  readonly stamp: () => SegmentStamp;
}

/**
 * Takes the steps of a plan. First every new file is written whole beside the old ones, under a name that only the next
 * repair takes notice of; then the old ones go aside, and the new ones take their places. However it ends, each offset is
 * held by an old file or by a whole new one.
 */
export async function applyRepair(place: RepairPlace, steps: readonly PlannedStep[]): Promise<void> {
  const { fileSystem, directory, asideFolder } = place;
  const folder = join(directory, "log");
  for (const step of steps) {
    if (step.kind === "rewrite" || step.kind === "add") await prepare(place, folder, step);
  }
  await fileSystem.syncDirectory(folder);
  const isAnythingKept = steps.some(({ keptAs }) => keptAs !== null);
  if (isAnythingKept) {
    await fileSystem.makeDirectory(asideFolder);
    await fileSystem.syncDirectory(directory);
  }
  // All of them first: a damaged file may have the name that another one gets.
  for (const { source, keptAs } of steps) {
    if (source !== null && keptAs !== null) await fileSystem.rename(source.path, keptAs);
  }
  await fileSystem.syncDirectory(folder);
  if (isAnythingKept) await fileSystem.syncDirectory(asideFolder);
  for (const { kind, baseOffset, file } of steps) {
    if (kind !== "remove") await fileSystem.rename(join(folder, repairedName(baseOffset)), file);
  }
  await fileSystem.syncDirectory(folder);
}

async function prepare({ fileSystem, stamp }: RepairPlace, folder: string, step: PlannedStep): Promise<void> {
  const { source, baseOffset, limitOffset } = step;
  const draft = join(folder, "repair.tmp");
  if (source === null) {
    const gap = { baseOffset, endOffset: limitOffset, reason: "lost" } as const;
    await writeGapSegment(fileSystem, draft, gap, stamp());
  } else {
    await rebuildSegment(fileSystem, source, { path: draft, limitOffset, stamp: stamp() });
  }
  await fileSystem.rename(draft, join(folder, repairedName(baseOffset)));
}

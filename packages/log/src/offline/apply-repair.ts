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
 * repair takes notice of; then one after the other takes its place. However it ends, each offset is held by an old file or
 * by a whole new one.
 */
export async function applyRepair(place: RepairPlace, steps: readonly PlannedStep[]): Promise<void> {
  const { fileSystem, directory, asideFolder } = place;
  const folder = join(directory, "log");
  for (const step of steps) {
    if (step.kind === "rewrite" || step.kind === "add") await prepare(place, folder, step);
  }
  await fileSystem.syncDirectory(folder);
  if (steps.some(({ keptAs }) => keptAs !== null)) {
    await fileSystem.makeDirectory(asideFolder);
    await fileSystem.syncDirectory(directory);
  }
  for (const step of steps) await putInPlace(place, folder, step);
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

async function putInPlace(
  { fileSystem, asideFolder }: RepairPlace,
  folder: string,
  step: PlannedStep,
): Promise<void> {
  if (step.source !== null && step.kind !== "finish") {
    if (step.keptAs === null) {
      await fileSystem.remove(step.source.path);
    } else {
      await fileSystem.rename(step.source.path, step.keptAs);
      await fileSystem.syncDirectory(asideFolder);
    }
  }
  if (step.kind !== "remove") await fileSystem.rename(join(folder, repairedName(step.baseOffset)), step.file);
  await fileSystem.syncDirectory(folder);
}

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "./log-fixture.ts";
import type { SegmentBytes } from "./stored-log.ts";

/** Writes segment files into a new directory, or over those of `directory`. */
export async function placeLog(files: SegmentBytes, directory?: string): Promise<string> {
  const target = directory ?? (await temporaryDirectory());
  await mkdir(join(target, "log"), { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(target, "log", name), bytes);
  return target;
}

/** Every file below `directory` with its contents, to show that nothing was changed. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const entries = names
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, (await readFile(path)).toString("base64")] as const;
    });
  return Object.fromEntries(await Promise.all(entries));
}

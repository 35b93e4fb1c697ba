import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { segmentName } from "@waybill/log/internal";
import { appendText, openSmall, QUICK, temporaryDirectory } from "./log-fixture.ts";

/** Segment files by name. */
export type SegmentBytes = ReadonlyMap<string, Buffer>;

export interface StoredLog {
  /** Records in order; the index is the offset. */
  readonly contents: readonly string[];
  /** As a crash leaves it: nothing seals the end. */
  readonly files: SegmentBytes;
  /** The offsets with which the segments begin. */
  readonly bases: readonly number[];
}

/** A log of several segments, each of several batches of one to three records. */
export async function storedLog(options: {
  readonly records: number;
  readonly recordBytes?: number;
}): Promise<StoredLog> {
  const { records, recordBytes = 200 } = options;
  const directory = await temporaryDirectory();
  const log = await openSmall(directory, QUICK);
  const contents: string[] = [];
  for (let next = 0; next < records;) {
    const batch = Array.from({ length: 1 + (next % 3) }, (_, index) =>
      `record ${next + index}`.padEnd(recordBytes, "."),
    );
    await appendText(log, ...batch);
    contents.push(...batch);
    next += batch.length;
  }
  const copy = join(directory, "copy");
  await cp(join(directory, "log"), copy, { recursive: true });
  const bases = log.segments.map(({ baseOffset }) => baseOffset);
  await log.close();
  const files = new Map<string, Buffer>();
  for (const base of bases) files.set(segmentName(base), await readFile(join(copy, segmentName(base))));
  return { contents, files, bases };
}

/** Writes segment files into a new directory, or over those of `directory`. */
export async function placeLog(files: SegmentBytes, directory?: string): Promise<string> {
  const target = directory ?? (await temporaryDirectory());
  await mkdir(join(target, "log"), { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(target, "log", name), bytes);
  return target;
}

/** `files` with one changed. */
export function withFile(
  files: SegmentBytes,
  name: string,
  change: (bytes: Buffer) => Buffer | null,
): Map<string, Buffer> {
  const changed = new Map(files);
  const bytes = change(Buffer.from(files.get(name) ?? Buffer.alloc(0)));
  if (bytes === null) changed.delete(name);
  else changed.set(name, bytes);
  return changed;
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

import { join } from "node:path";
import { LogError } from "../errors/log-error.ts";
import {
  decodeSegmentHeader,
  parseRepairedName,
  parseSegmentName,
  SEGMENT_HEADER_BYTES,
} from "../format/segment-header.ts";
import type { FileSystem } from "../ports/file-system.ts";

/** A file in the folder of the segments, and where it belongs. */
export interface SegmentFile {
  readonly path: string;
  /** What the name says. */
  readonly nameOffset: number;
  /** What the header says if it can be read, else what the name says. */
  readonly baseOffset: number;
  /** What is wrong with the header, or `null`. */
  readonly headerDamage: string | null;
  readonly epoch: number | null;
  readonly createdAt: number | null;
  /** Prepared by a repair that was cut off. */
  readonly isUnfinished: boolean;
}

/**
 * The segment files of a log in the order of their offsets. Files that vanish meanwhile are left out: the owner may
 * drop segments at any time.
 *
 * @throws LogError `LOG_MISSING`
 */
export async function listSegmentFiles(fileSystem: FileSystem, directory: string): Promise<SegmentFile[]> {
  const folder = join(directory, "log");
  let names: readonly string[];
  try {
    names = await fileSystem.list(folder);
  } catch (cause) {
    throw new LogError("LOG_MISSING", `${directory} holds no log: its folder log cannot be read.`, { cause });
  }
  const files: SegmentFile[] = [];
  for (const name of names) {
    const repaired = parseRepairedName(name);
    const nameOffset = repaired === null ? parseSegmentName(name) : repaired;
    if (nameOffset === null) continue;
    const file = await readHeader(fileSystem, join(folder, name), nameOffset, repaired !== null);
    if (file !== null) files.push(file);
  }
  // Under equal offsets the file that has the right name comes first.
  return files.toSorted((a, b) => a.baseOffset - b.baseOffset || rank(a) - rank(b));
}

function rank(file: SegmentFile): number {
  return file.isUnfinished ? 1 : file.nameOffset === file.baseOffset ? 0 : 2;
}

async function readHeader(
  fileSystem: FileSystem,
  path: string,
  nameOffset: number,
  isUnfinished: boolean,
): Promise<SegmentFile | null> {
  const unread = { path, nameOffset, baseOffset: nameOffset, epoch: null, createdAt: null, isUnfinished };
  try {
    const file = await fileSystem.open(path, "read");
    try {
      const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const header = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
      if (typeof header === "string") return { ...unread, headerDamage: header };
      return { ...unread, ...header, headerDamage: null };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return null;
    return { ...unread, headerDamage: error instanceof Error ? error.message : String(error) };
  }
}

/** The file is not there (any more). */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

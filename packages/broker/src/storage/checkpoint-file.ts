import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FileSystem } from "@waybill/log";

/*
 * `<dataDir>/checkpoint`, one line of text, replaced as a whole:
 *
 *      waybill-checkpoint 1 <snapshot offset> <proven offset> <CRC-32 of what stands before it, hex>\n
 *
 * The snapshot itself is in the log. This file only says where, and how much of the log was once on disk.
 */
export interface Checkpoint {
  /** Offset of the first record of the latest snapshot: recovery may start there. */
  readonly snapshotOffset: number;
  /** Every record before it was durable when the checkpoint was written. */
  readonly provenOffset: number;
}

const FILE_BYTES_MAX = 256;

export async function writeCheckpoint(
  fileSystem: FileSystem,
  dataDir: string,
  checkpoint: Checkpoint,
): Promise<void> {
  const path = join(dataDir, "checkpoint");
  const temporary = `${path}.tmp`;
  const text = `waybill-checkpoint 1 ${checkpoint.snapshotOffset} ${checkpoint.provenOffset} `;
  await fileSystem.remove(temporary);
  const file = await fileSystem.open(temporary, "create");
  try {
    await file.write(Buffer.from(`${text}${crc32(text).toString(16)}\n`), 0);
    await file.dataSync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(dataDir);
}

/** Durable when it resolves. */
export async function removeCheckpoint(fileSystem: FileSystem, dataDir: string): Promise<void> {
  for (const name of ["checkpoint.tmp", "checkpoint"]) await fileSystem.remove(join(dataDir, name));
  await fileSystem.syncDirectory(dataDir);
}

/** The checkpoint, `null` if there is none, or what is wrong with it. */
export async function readCheckpoint(
  fileSystem: FileSystem,
  dataDir: string,
): Promise<Checkpoint | null | string> {
  let names: readonly string[];
  try {
    names = await fileSystem.list(dataDir);
  } catch {
    return null;
  }
  if (!names.includes("checkpoint")) return null;
  const file = await fileSystem.open(join(dataDir, "checkpoint"), "read");
  try {
    const bytes = Buffer.alloc(FILE_BYTES_MAX);
    return parse(bytes.toString("utf8", 0, await file.read(bytes, 0)));
  } finally {
    await file.close();
  }
}

function parse(text: string): Checkpoint | string {
  const match = /^(waybill-checkpoint 1 (\d{1,16}) (\d{1,16}) )([0-9a-f]{1,8})\n$/.exec(text);
  if (match === null) return "it is not a checkpoint that this version knows";
  const [, checked = "", snapshotOffset, provenOffset, crc = ""] = match;
  if (crc32(checked) !== Number.parseInt(crc, 16)) return "its CRC does not match";
  return { snapshotOffset: Number(snapshotOffset), provenOffset: Number(provenOffset) };
}

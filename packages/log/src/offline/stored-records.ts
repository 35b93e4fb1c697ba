import { join } from "node:path";
import { LogCorruptError, LogError } from "../errors/log-error.ts";
import type { BatchHeader, LogRecord } from "../format/batch-frame.ts";
import { decodeBatchHeader, decodeBody, frameBytes, sealFrame } from "../format/batch-frame.ts";
import { parseSegmentName, SEGMENT_HEADER_BYTES, segmentName } from "../format/segment-header.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { nodeFileSystem } from "../system/node-file-system.ts";
import { acquireSqliteLock } from "../system/sqlite-owner-lock.ts";

interface StoredBatch {
  readonly path: string;
  readonly position: number;
  readonly header: BatchHeader;
  readonly records: readonly LogRecord[];
  /** The whole frame; the records are views on it. */
  readonly frame: Buffer;
}

/**
 * The records of a directory that no process has open, without changing anything. Ends where the valid batches of
 * the last segment end.
 *
 * @throws LogError `LOG_CORRUPT` for a batch whose header is right and whose body is not.
 */
export async function* readStoredRecords(
  directory: string,
  fileSystem: FileSystem = nodeFileSystem,
): AsyncGenerator<LogRecord> {
  for await (const { records } of storedBatches(directory, fileSystem)) yield* records;
}

/**
 * Writes other contents over stored records, each of the same length, with matching CRCs: what a tester needs to show
 * that an audit finds what the checksums cannot. The directory must not be open.
 *
 * @throws LogError `LOG_OWNED`; `OPTIONS_INVALID` when a record does not exist or has another length.
 */
export async function replaceStoredRecords(
  directory: string,
  replacements: ReadonlyMap<number, Uint8Array>,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<void> {
  const lock = acquireSqliteLock(directory);
  try {
    const missing = new Set(replacements.keys());
    for await (const batch of storedBatches(directory, fileSystem)) {
      const changed = batch.records.filter(({ offset }) => missing.delete(offset));
      for (const { offset, data } of changed) overwrite(data, replacements.get(offset), offset);
      if (changed.length > 0) await rewrite(batch, fileSystem);
    }
    if (missing.size > 0)
      throw new LogError("OPTIONS_INVALID", `No records ${[...missing].join(", ")} in ${directory}.`);
  } finally {
    lock.release();
  }
}

function overwrite(data: Buffer, bytes: Uint8Array | undefined, offset: number): void {
  if (bytes?.length !== data.length) {
    throw new LogError(
      "OPTIONS_INVALID",
      `Record ${offset} has ${data.length} bytes, its replacement ${bytes?.length}.`,
    );
  }
  data.set(bytes);
}

async function rewrite(
  { path, position, header, frame }: StoredBatch,
  fileSystem: FileSystem,
): Promise<void> {
  const file = await fileSystem.open(path, "write");
  try {
    await file.write(sealFrame(frame, header), position);
    await file.dataSync();
  } finally {
    await file.close();
  }
}

async function* storedBatches(directory: string, fileSystem: FileSystem): AsyncGenerator<StoredBatch> {
  const folder = join(directory, "log");
  const bases = (await fileSystem.list(folder)).map(parseSegmentName).filter((base) => base !== null);
  for (const base of bases.toSorted((a, b) => a - b)) {
    const path = join(folder, segmentName(base));
    const bytes = await readWhole(path, fileSystem);
    let offset = base;
    let position = SEGMENT_HEADER_BYTES;
    for (;;) {
      const header = decodeBatchHeader(bytes, position);
      if (header === null || header.firstOffset !== offset) break;
      const records = decodeBody(bytes, position, header);
      if (typeof records === "string") throw new LogCorruptError({ file: path, position, offset }, records);
      const end = position + frameBytes(header.bodyBytes);
      yield { path, position, header, records, frame: bytes.subarray(position, end) };
      offset += header.count;
      position = end;
    }
  }
}

async function readWhole(path: string, fileSystem: FileSystem): Promise<Buffer> {
  const file = await fileSystem.open(path, "read");
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

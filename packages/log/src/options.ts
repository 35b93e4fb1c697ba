import { LogError } from "./errors/log-error.ts";
import type { FileSystem } from "./ports/file-system.ts";
import type { AcquireLock } from "./ports/owner-lock.ts";
import { nodeFileSystem } from "./system/node-file-system.ts";
import { acquireSqliteLock } from "./system/sqlite-owner-lock.ts";
import { systemEpoch, systemNow } from "./system/system-sources.ts";

export interface LogOptions {
  /** Created with mode 0700 if missing. Segments live in its folder `log`. */
  readonly directory: string;
  /** Size of a segment file. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Zeros written ahead of use. Default 8 MiB. */
  readonly fillAheadBytes?: number;
  /** Most that one fdatasync commits. Default 1 MiB. */
  readonly batchBytesMax?: number;
  /** Largest record. Default 2 MiB. */
  readonly recordBytesMax?: number;
  /** Most that waits for its commit; beyond it `append` is refused with `QUEUE_FULL`. Default 64 MiB. */
  readonly queueBytesMax?: number;
  /** Everything before this offset is known (from elsewhere, a checkpoint) to have been on disk. Default 0. */
  readonly provenOffset?: number;
  readonly fileSystem?: FileSystem;
  readonly acquireLock?: AcquireLock;
  readonly now?: () => number;
  readonly epoch?: () => number;
}

export type ResolvedLogOptions = Required<LogOptions>;

const DEFAULTS = {
  segmentBytes: 64 * 1024 * 1024,
  fillAheadBytes: 8 * 1024 * 1024,
  batchBytesMax: 1024 * 1024,
  recordBytesMax: 2 * 1024 * 1024,
  queueBytesMax: 64 * 1024 * 1024,
  provenOffset: 0,
  fileSystem: nodeFileSystem,
  acquireLock: acquireSqliteLock,
  now: systemNow,
  epoch: systemEpoch,
} as const satisfies Omit<ResolvedLogOptions, "directory">;

const SEGMENT_BYTES_MIN = 4096;
const SEGMENT_BYTES_MAX = 2 ** 31;

/** @throws LogError `OPTIONS_INVALID` */
export function resolveLogOptions(options: LogOptions): ResolvedLogOptions {
  for (const name of Object.keys(options)) {
    if (name !== "directory" && !(name in DEFAULTS)) {
      const known = ["directory", ...Object.keys(DEFAULTS)].join(", ");
      throw new LogError(
        "OPTIONS_INVALID",
        `Option ${name} is not known. Remove it; the log takes ${known}.`,
      );
    }
  }
  const resolved: ResolvedLogOptions = { ...DEFAULTS, ...options };
  if (resolved.directory === "")
    throw new LogError("OPTIONS_INVALID", "Option directory is empty: give a folder.");
  whole("segmentBytes", resolved.segmentBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
  whole("fillAheadBytes", resolved.fillAheadBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
  whole("batchBytesMax", resolved.batchBytesMax, 1, SEGMENT_BYTES_MAX);
  whole("recordBytesMax", resolved.recordBytesMax, 1, SEGMENT_BYTES_MAX);
  whole("queueBytesMax", resolved.queueBytesMax, 1, Number.MAX_SAFE_INTEGER);
  whole("provenOffset", resolved.provenOffset, 0, Number.MAX_SAFE_INTEGER);
  return resolved;
}

function whole(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new LogError(
      "OPTIONS_INVALID",
      `Option ${name} is ${value}: give a whole number from ${min} to ${max}.`,
    );
  }
}

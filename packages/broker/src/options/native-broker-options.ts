import { z } from "zod";
import type { Clock } from "@waybill/core";
import { systemClock, WaybillError } from "@waybill/core";
import type { AcquireLock, FileSystem } from "@waybill/log";
import { nodeFileSystem } from "@waybill/log";
import type { NativeBrokerListener } from "../events.ts";

export interface NativeBrokerOptions {
  /** Folder of the broker's data, created with mode 0700. One process owns it. */
  readonly dataDir: string;
  /** Largest payload in bytes. Default 1 MiB. */
  readonly payloadBytesMax?: number;
  /** Size of one log file. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Zeros written ahead of use. Default 8 MiB. */
  readonly fillAheadBytes?: number;
  /** Most that may wait for its commit; beyond it publishes are refused for now. Default 64 MiB. */
  readonly queueBytesMax?: number;
  /** A checkpoint is written, and old segments are dropped, after this much was appended. Default 64 MiB. */
  readonly checkpointBytes?: number;
  /** More log than this kept on disk for a group's sake is reported at every checkpoint. Default 1 GiB. */
  readonly backlogAlarmBytes?: number;
  /** Messages a group holds in memory; the rest of its backlog stays in the log. Default 16,384. */
  readonly windowMessagesMax?: number;
  /** Payload bytes a group holds in memory. Default 16 MiB. */
  readonly windowBytesMax?: number;
  /** Acknowledgements are gathered this long before they are written. Default 5. */
  readonly ackFlushMs?: number;
  /** Told what happens. What it throws is ignored. */
  readonly onEvent?: NativeBrokerListener;
  readonly clock?: Clock;
  readonly fileSystem?: FileSystem;
  readonly acquireLock?: AcquireLock;
}

export interface ResolvedNativeBrokerOptions extends Required<Omit<NativeBrokerOptions, "acquireLock">> {
  readonly acquireLock: AcquireLock | undefined;
}

const MIB = 1024 * 1024;

const DEFAULTS = {
  payloadBytesMax: MIB,
  segmentBytes: 64 * MIB,
  fillAheadBytes: 8 * MIB,
  queueBytesMax: 64 * MIB,
  checkpointBytes: 64 * MIB,
  backlogAlarmBytes: 1024 * MIB,
  windowMessagesMax: 16_384,
  windowBytesMax: 16 * MIB,
  ackFlushMs: 5,
} as const satisfies Partial<NativeBrokerOptions>;

const bytes = (max: number) => z.int().min(4096).max(max);

const schema = z.strictObject({
  dataDir: z.string().min(1),
  payloadBytesMax: z
    .int()
    .min(1)
    .max(64 * MIB)
    .default(DEFAULTS.payloadBytesMax),
  segmentBytes: bytes(1024 * MIB).default(DEFAULTS.segmentBytes),
  fillAheadBytes: bytes(1024 * MIB).default(DEFAULTS.fillAheadBytes),
  queueBytesMax: bytes(4096 * MIB).default(DEFAULTS.queueBytesMax),
  checkpointBytes: bytes(4096 * MIB).default(DEFAULTS.checkpointBytes),
  backlogAlarmBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(DEFAULTS.backlogAlarmBytes),
  windowMessagesMax: z.int().min(1).max(1_000_000).default(DEFAULTS.windowMessagesMax),
  windowBytesMax: bytes(4096 * MIB).default(DEFAULTS.windowBytesMax),
  ackFlushMs: z.int().min(0).max(60_000).default(DEFAULTS.ackFlushMs),
  onEvent: z.custom<NativeBrokerListener>(isFunction, "give a function").default(() => () => {}),
  clock: z.custom<Clock>(isObject, "give a Clock").default(systemClock),
  fileSystem: z.custom<FileSystem>(isObject, "give a FileSystem").default(nodeFileSystem),
  acquireLock: z.custom<AcquireLock>(isFunction, "give a function").optional(),
});

/** @throws WaybillError `OPTIONS_INVALID` naming each wrong option and what to do. */
export function resolveNativeBrokerOptions(options: NativeBrokerOptions): ResolvedNativeBrokerOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return { ...parsed.data, acquireLock: parsed.data.acquireLock };
  const problems = parsed.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `${issue.keys.join(", ")} is not known: remove it; known are ${Object.keys(schema.shape).join(", ")}`
      : `${issue.path.join(".")}: ${issue.message}`,
  );
  throw new WaybillError("OPTIONS_INVALID", `nativeBroker: ${problems.join("; ")}.`);
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

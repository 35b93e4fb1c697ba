import { z } from "zod";
import type { Clock } from "@waybill/core";
import { systemClock, WaybillError } from "@waybill/core";
import type { AcquireLock, FileSystem } from "@waybill/log";
import { nodeFileSystem } from "@waybill/log";
import type { QueueEngineListener } from "./events.ts";
import { randomName } from "./system/random-name.ts";

export interface QueueEngineOptions {
  /** Folder of the data, created with mode 0700. One process owns it. */
  readonly dataDir: string;
  /** Largest message, its properties included. Default 16 MiB. */
  readonly messageBytesMax?: number;
  /** Size of one log file. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Zeros written ahead of use. Default 8 MiB. */
  readonly fillAheadBytes?: number;
  /** Most that may wait for its commit; beyond it publishes are refused for now. Default 256 MiB. */
  readonly queueBytesMax?: number;
  /** A checkpoint is written, and old segments are dropped, after this much was appended. Default 64 MiB. */
  readonly checkpointBytes?: number;
  /** More log than this kept for a queue's sake is reported at every checkpoint. Default 1 GiB. */
  readonly backlogAlarmBytes?: number;
  /** Messages that all queues together hold in memory. Default 64 MiB. */
  readonly memoryBytesMax?: number;
  /** Queues of one virtual host. Default 50,000. */
  readonly queuesPerVirtualHostMax?: number;
  /** Exchanges of one virtual host beside those that are always there. Default 50,000. */
  readonly exchangesPerVirtualHostMax?: number;
  /** Bindings of one virtual host. Default 200,000. */
  readonly bindingsPerVirtualHostMax?: number;
  /** Exclusive queues of one connection. Default 5,000. */
  readonly exclusiveQueuesPerConnectionMax?: number;
  /** What the messages of one virtual host may take; beyond it publishes to it are refused for now. Default: no limit. */
  readonly bytesPerVirtualHostMax?: number;
  /** Acknowledgements are gathered this long before they are written. Default 5. */
  readonly ackFlushMs?: number;
  /** Told what happens. What it throws is ignored. */
  readonly onEvent?: QueueEngineListener;
  readonly clock?: Clock;
  readonly fileSystem?: FileSystem;
  readonly acquireLock?: AcquireLock;
  /** Names queues that come without a name. */
  readonly randomName?: () => string;
}

export interface ResolvedQueueEngineOptions extends Required<Omit<QueueEngineOptions, "acquireLock">> {
  readonly acquireLock: AcquireLock | undefined;
}

const MIB = 1024 * 1024;

const DEFAULTS = {
  messageBytesMax: 16 * MIB,
  segmentBytes: 64 * MIB,
  fillAheadBytes: 8 * MIB,
  queueBytesMax: 256 * MIB,
  checkpointBytes: 64 * MIB,
  backlogAlarmBytes: 1024 * MIB,
  memoryBytesMax: 64 * MIB,
  queuesPerVirtualHostMax: 50_000,
  exchangesPerVirtualHostMax: 50_000,
  bindingsPerVirtualHostMax: 200_000,
  exclusiveQueuesPerConnectionMax: 5_000,
  ackFlushMs: 5,
} as const satisfies Partial<QueueEngineOptions>;

const bytes = (max: number) => z.int().min(4096).max(max);
const atMost = (byDefault: number) => z.int().min(1).max(Number.MAX_SAFE_INTEGER).default(byDefault);
const unlimited = z.custom<number>((value) => value === Infinity, "give Infinity for no limit");
const functionOf = <Type>() => z.custom<Type>((value) => typeof value === "function", "give a function");
const objectOf = <Type>(what: string) =>
  z.custom<Type>((value) => typeof value === "object" && value !== null, `give ${what}`);

const schema = z.strictObject({
  dataDir: z.string().min(1),
  messageBytesMax: z
    .int()
    .min(1)
    .max(128 * MIB)
    .default(DEFAULTS.messageBytesMax),
  segmentBytes: bytes(1024 * MIB).default(DEFAULTS.segmentBytes),
  fillAheadBytes: bytes(1024 * MIB).default(DEFAULTS.fillAheadBytes),
  queueBytesMax: bytes(4096 * MIB).default(DEFAULTS.queueBytesMax),
  checkpointBytes: bytes(4096 * MIB).default(DEFAULTS.checkpointBytes),
  backlogAlarmBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(DEFAULTS.backlogAlarmBytes),
  memoryBytesMax: bytes(4096 * MIB).default(DEFAULTS.memoryBytesMax),
  queuesPerVirtualHostMax: atMost(DEFAULTS.queuesPerVirtualHostMax),
  exchangesPerVirtualHostMax: atMost(DEFAULTS.exchangesPerVirtualHostMax),
  bindingsPerVirtualHostMax: atMost(DEFAULTS.bindingsPerVirtualHostMax),
  exclusiveQueuesPerConnectionMax: atMost(DEFAULTS.exclusiveQueuesPerConnectionMax),
  bytesPerVirtualHostMax: bytes(Number.MAX_SAFE_INTEGER).or(unlimited).default(Infinity),
  ackFlushMs: z.int().min(0).max(60_000).default(DEFAULTS.ackFlushMs),
  onEvent: functionOf<QueueEngineListener>().default(() => () => {}),
  clock: objectOf<Clock>("a Clock").default(systemClock),
  fileSystem: objectOf<FileSystem>("a FileSystem").default(nodeFileSystem),
  acquireLock: functionOf<AcquireLock>().optional(),
  randomName: functionOf<() => string>().default(() => randomName),
});

/** @throws WaybillError `OPTIONS_INVALID` */
export function resolveQueueEngineOptions(options: QueueEngineOptions): ResolvedQueueEngineOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return { ...parsed.data, acquireLock: parsed.data.acquireLock };
  throw new WaybillError("OPTIONS_INVALID", `openQueueEngine: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

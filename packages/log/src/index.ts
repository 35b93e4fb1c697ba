export { Log, openLog } from "./log.ts";
export {
  LOG_ERROR_CODES,
  LogCorruptError,
  LogError,
  LogLostError,
  LogOwnedError,
} from "./errors/log-error.ts";
export type { LogErrorCode } from "./errors/log-error.ts";
export type { LogOptions } from "./options.ts";
export type { LogRecord } from "./format/batch-frame.ts";
export type { GapReason, LogGap } from "./format/log-gap.ts";
export type {
  DamageKind,
  LogDamage,
  LogInspection,
  LogRepair,
  RepairStep,
  SegmentInspection,
  UnfinishedWrite,
} from "./offline/inspection.ts";
export type { SegmentRange } from "./segment/segment-catalog.ts";
export type { LogBlock } from "./read/log-reader.ts";
export type { TornTail } from "./recovery/recover-log.ts";
export { inspectLog } from "./offline/inspect-log.ts";
export type { InspectOptions } from "./offline/inspect-log.ts";
export { repairLog } from "./offline/repair-log.ts";
export type { RepairOptions } from "./offline/repair-log.ts";
export { recordOf } from "./write/record-source.ts";
export type { RecordSource } from "./write/record-source.ts";
export type { FileSystem, LogFile, OpenMode } from "./ports/file-system.ts";
export type { AcquireLock, FindOwner, OwnerLock } from "./ports/owner-lock.ts";
export { nodeFileSystem } from "./system/node-file-system.ts";

import type { LogDamage } from "../offline/inspection.ts";
import type { LogGap } from "../format/log-gap.ts";

/** Every code of a `LogError`. */
export const LOG_ERROR_CODES = [
  "OPTIONS_INVALID",
  "LOG_MISSING",
  "LOG_OWNED",
  "LOG_CORRUPT",
  "LOG_POISONED",
  "LOG_CLOSED",
  "LOG_FULL",
  "QUEUE_FULL",
  "RECORD_TOO_LARGE",
  "OFFSET_DROPPED",
  "OFFSETS_LOST",
  "READ_SHORT",
] as const;

export type LogErrorCode = (typeof LOG_ERROR_CODES)[number];

/** Every error that the log throws. `code` is closed; the message says what happened and where. */
export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
  }
}

/** Another process owns the directory. */
export class LogOwnedError extends LogError {
  /** Process id of the owner, if it could be read. */
  readonly ownerPid: number | null;

  constructor(directory: string, ownerPid: number | null) {
    super(
      "LOG_OWNED",
      `${directory} is in use by ${ownerPid === null ? "another process" : `process ${ownerPid}`}.`,
    );
    this.ownerPid = ownerPid;
  }
}

/** A repair gave up records that a reader did not expect to be missing. */
export class LogLostError extends LogError {
  readonly gap: LogGap;

  constructor(gap: LogGap) {
    super(
      "OFFSETS_LOST",
      `Records ${gap.fromOffset} to ${gap.toOffset - 1} were damaged and given up by a repair.`,
    );
    this.gap = gap;
  }
}

/** Stored bytes are not what was written, at a place where a crash cannot explain it. */
export class LogCorruptError extends LogError {
  /** File and byte position of the first bad frame. */
  readonly file: string;
  readonly position: number;
  readonly reason: string;
  /** Offset of the first record that cannot be read. */
  readonly offset: number;
  /** When `openLog` refused: everything that is damaged in the log. A reader knows only the place where it stopped. */
  readonly damage: readonly LogDamage[];

  constructor(
    place: { file: string; position: number; offset: number },
    reason: string,
    damage: readonly LogDamage[] = [],
  ) {
    super(
      "LOG_CORRUPT",
      `${place.file} is damaged at byte ${place.position} (record ${place.offset}): ${reason}`,
    );
    this.reason = reason;
    this.damage = damage;
    this.file = place.file;
    this.position = place.position;
    this.offset = place.offset;
  }
}

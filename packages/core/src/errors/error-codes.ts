/** Every code of a `WaybillError`. Each has its paragraph in `docs/errors.md`. */
export const ERROR_CODES = [
  "OPTIONS_INVALID",
  "PAYLOAD_INVALID",
  "PAYLOAD_UNREADABLE",
  "ENVELOPE_INVALID",
  "TOPIC_INVALID",
  "TOPIC_UNHANDLED",
  "VERSION_UNSUPPORTED",
  "NOT_IN_TRANSACTION",
  "COMMIT_UNKNOWN",
  "MIGRATIONS_MISSING",
  "MIGRATIONS_OUTDATED",
  "SOURCE_MISMATCH",
  "SCHEMA_UNSAFE",
  "STORAGE_UNAVAILABLE",
  "STORAGE_FAILED",
  "LEASE_LOST",
  "BROKER_UNAVAILABLE",
  "BROKER_FENCED",
  "BROKER_REFUSED",
  "UNROUTABLE",
  "PUBLISH_UNKNOWN",
  "RAPID_OVERFLOW",
  "PAYLOAD_TOO_LARGE",
  "DATA_DIR_OWNED",
  "DATA_DIR_DAMAGED",
  "NOT_STARTED",
  "STOPPED",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Codes whose call may succeed later by itself. */
export const RETRYABLE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "STORAGE_UNAVAILABLE",
  "BROKER_UNAVAILABLE",
  "UNROUTABLE",
  "BROKER_REFUSED",
  "LEASE_LOST",
]);

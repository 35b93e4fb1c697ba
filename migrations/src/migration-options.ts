import type { MigrationContext } from "./migration.ts";

/** The schema unless told otherwise. */
export const DEFAULT_SCHEMA = "waybill";
/** Partitions of a source unless told otherwise; the unit of order on every broker. */
export const DEFAULT_PARTITIONS = 32;
/** 1.5 days: with four leaves, messages can be kept for up to three times as long. */
export const DEFAULT_LEAF_SECONDS = 129_600;
/** Tables that the outbox rotates through. Part of the table's default expression: never changes. */
export const LEAF_COUNT = 4;

const PARTITIONS_MAX = 4096;
const LEAF_SECONDS_MAX = 31_536_000;

/** What the first migration fixes for good. */
export interface MigrationOptions {
  /** The service that owns the outbox. 1 to 100 of `A-Z a-z 0-9 . _ -`. */
  readonly source: string;
  /** Default `waybill`. 1 to 63 bytes, no zero character. */
  readonly schema?: string;
  /** Default 32. 1 to 4096. */
  readonly partitions?: number;
  /** Default 129 600 (1.5 days). Confirmed messages can be kept for at most three times as long. */
  readonly leafSeconds?: number;
}

/**
 * Validates options and quotes what goes into statements.
 *
 * @throws RangeError naming the option that is wrong
 */
export function migrationContext(options: MigrationOptions): MigrationContext {
  const schema = options.schema ?? DEFAULT_SCHEMA;
  const { source, partitions = DEFAULT_PARTITIONS, leafSeconds = DEFAULT_LEAF_SECONDS } = options;
  if (typeof source !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(source)) {
    throw new RangeError(
      `source ${JSON.stringify(source)}: use 1 to 100 of A-Z a-z 0-9 . _ -, starting with a letter or digit`,
    );
  }
  return {
    schema: quotedIdentifier(schema),
    schemaName: quotedLiteral(schema),
    source: quotedLiteral(source),
    partitions: wholeNumber("partitions", partitions, PARTITIONS_MAX),
    leafSeconds: wholeNumber("leafSeconds", leafSeconds, LEAF_SECONDS_MAX),
  };
}

/**
 * A name as PostgreSQL identifier, quotes doubled.
 *
 * @throws RangeError when it is empty, longer than 63 bytes, starts with `pg_`, or holds a character that no tool
 * takes in names
 */
export function quotedIdentifier(name: string): string {
  const bytes = typeof name === "string" ? Buffer.byteLength(name) : 0;
  if (bytes === 0 || bytes > 63 || name.startsWith("pg_") || /[\p{Cc}?\\$]/u.test(name)) {
    throw new RangeError(
      `${JSON.stringify(name)} is no usable name: 1 to 63 bytes, not starting with pg_, without ? \\ $ and control characters`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** Text as a standard literal. What is given is validated before: no backslash, no control character. */
export function quotedLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function wholeNumber(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new RangeError(`${name} ${value}: a whole number from 1 to ${max}`);
}

import { crc32 } from "node:zlib";

/** Partitions of a source unless its schema says otherwise. Fixed when the schema is created. */
export const DEFAULT_PARTITIONS = 32;

/**
 * The partition of a key: CRC-32 (IEEE) of its UTF-8 bytes, modulo the number of partitions. Every language has this
 * hash, and `docs/wire.md` pins it with examples. A message without key is spread by its id.
 */
export function partitionOf(key: string | null, messageId: string, partitions: number): number {
  return crc32(key ?? messageId) % partitions;
}

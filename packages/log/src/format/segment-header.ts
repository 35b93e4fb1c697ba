import { crc32 } from "node:zlib";
import { readWhole, writeWhole } from "./whole-number.ts";

/*
 * The first 64 bytes of `<20-digit offset>.log`, little endian:
 *
 *      0       4       8              16      20      24             32                    60     64
 *      +-------+-------+---------------+-------+-------+--------------+---------------------+------+
 *      | magic |format | base offset   | epoch |   0   | created at   |         zero        | CRC  |
 *      | WBLS  |   1   | u64           | u32   |       | u64 ms       |                     | 0-59 |
 *      +-------+-------+---------------+-------+-------+--------------+---------------------+------+
 *
 * The epoch is chosen at random for each segment and repeated in every batch of it.
 */
const MAGIC = 0x534c4257; // "WBLS"
const FORMAT = 1;

export const SEGMENT_HEADER_BYTES = 64;

export interface SegmentHeader {
  /** Offset of the first record of the segment. */
  readonly baseOffset: number;
  readonly epoch: number;
  readonly createdAt: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT, 4);
  writeWhole(bytes, header.baseOffset, 8);
  bytes.writeUInt32LE(header.epoch, 16);
  writeWhole(bytes, header.createdAt, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** The header, or what is wrong with it. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < SEGMENT_HEADER_BYTES) return "the segment header is cut off";
  if (bytes.readUInt32LE(0) !== MAGIC) return "the file does not start with a segment header";
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60)))
    return "the CRC of the segment header does not match";
  const format = bytes.readUInt32LE(4);
  if (format !== FORMAT) return `segment format ${format} is not known to this version`;
  const baseOffset = readWhole(bytes, 8);
  if (!Number.isSafeInteger(baseOffset)) return "the segment header says an offset that no log reaches";
  return { baseOffset, epoch: bytes.readUInt32LE(16), createdAt: readWhole(bytes, 24) };
}

/** `<20-digit offset>.log` */
export function segmentName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, "0")}.log`;
}

/** The base offset that a file name says, or `null` if it is no segment's name. */
export function parseSegmentName(name: string): number | null {
  if (!/^\d{20}\.log$/.test(name)) return null;
  const offset = Number(name.slice(0, 20));
  return Number.isSafeInteger(offset) ? offset : null;
}

/** `<20-digit offset>.repaired`: a segment that a repair has written whole and not yet put in its place. */
export function repairedName(baseOffset: number): string {
  return segmentName(baseOffset).replace(/log$/, "repaired");
}

/** The base offset that the name of a prepared segment says, or `null`. */
export function parseRepairedName(name: string): number | null {
  return name.endsWith(".repaired") ? parseSegmentName(name.replace(/repaired$/, "log")) : null;
}

import type { RecordSource } from "@waybill/log";
import { recordOf } from "@waybill/log";
import { KIND, VERSION } from "./kinds.ts";

/*
 * One piece of a snapshot of the whole state. A snapshot is many of them, others may stand in between.
 *
 *      0      1         2      3
 *      +------+---------+------+---------------------------------------------------
 *      | 22   |    1    | part | meta, queue: JSON; end: nothing
 *      |      |         |      | topology, returns, positions: the record as it is elsewhere
 *      |      |         |      | near, index: offsets, see below
 *      |      |         |      | delayed, moved: pairs of f64
 *      +------+---------+------+---------------------------------------------------
 *
 *      offsets: | queue u32 | base f64 | last f64 | size f64 | tokens of an OffsetQueue, or the next part of them
 */
export const PART = {
  meta: 1,
  topology: 2,
  queue: 3,
  near: 4,
  index: 5,
  returns: 6,
  delayed: 7,
  moved: 8,
  end: 9,
  positions: 10,
} as const;

export type SnapshotPart = (typeof PART)[keyof typeof PART];

export interface SnapshotMeta {
  /** Records from here on may not be part of the snapshot and are applied after it. */
  readonly replayFrom: number;
  readonly lastQueueId: number;
  /** What delayed messages take in each virtual host. */
  readonly delayed?: readonly DelayedMeta[];
}

interface DelayedMeta {
  readonly virtualHost: string;
  readonly count: number;
  readonly bytes: number;
}

export interface QueueMeta {
  readonly id: number;
  readonly horizon: number;
  readonly mayExpire: boolean;
  /** What one of its messages takes. */
  readonly averageBytes?: number;
}

export interface OffsetsPiece {
  readonly queueId: number;
  readonly base: number;
  readonly last: number;
  readonly size: number;
  readonly tokens: Uint8Array;
}

const HEAD_BYTES = 3;
const OFFSETS_HEAD_BYTES = 28;
const PAIR_BYTES = 16;

export function encodeJsonPart(part: SnapshotPart, value: SnapshotMeta | QueueMeta): RecordSource {
  return encodePart(part, Buffer.from(JSON.stringify(value)));
}

export function encodePart(part: SnapshotPart, body: Uint8Array): RecordSource {
  return recordOf(Buffer.concat([Uint8Array.of(KIND.snapshot, VERSION, part), body]));
}

/** The record inside of a snapshot. */
export function encodeRecordPart(part: SnapshotPart, record: RecordSource): RecordSource {
  const bytes = Buffer.allocUnsafe(record.byteLength);
  record.writeTo(bytes, 0);
  return encodePart(part, bytes);
}

export function encodeOffsetsPart(part: SnapshotPart, piece: OffsetsPiece): RecordSource {
  const head = Buffer.allocUnsafe(OFFSETS_HEAD_BYTES);
  head.writeUInt32LE(piece.queueId, 0);
  head.writeDoubleLE(piece.base, 4);
  head.writeDoubleLE(piece.last, 12);
  head.writeDoubleLE(piece.size, 20);
  return encodePart(part, Buffer.concat([head, piece.tokens]));
}

export function encodePairsPart(
  part: SnapshotPart,
  pairs: readonly (readonly [number, number])[],
): RecordSource {
  const bytes = Buffer.allocUnsafe(PAIR_BYTES * pairs.length);
  let at = 0;
  for (const [one, other] of pairs) {
    at = bytes.writeDoubleLE(one, at);
    at = bytes.writeDoubleLE(other, at);
  }
  return encodePart(part, bytes);
}

export function isSnapshot(data: Buffer): boolean {
  return data[0] === KIND.snapshot;
}

/** Which piece it is, and what stands in it. */
export function decodePart(data: Buffer): { readonly part: number; readonly body: Buffer } {
  return { part: data[2] ?? 0, body: data.subarray(HEAD_BYTES) };
}

export function decodeOffsets(body: Buffer): OffsetsPiece {
  return {
    queueId: body.readUInt32LE(0),
    base: body.readDoubleLE(4),
    last: body.readDoubleLE(12),
    size: body.readDoubleLE(20),
    // A copy: the block that it was read with is larger by far.
    tokens: Uint8Array.from(body.subarray(OFFSETS_HEAD_BYTES)),
  };
}

export function decodePairs(body: Buffer, found: (one: number, other: number) => void): void {
  for (let at = 0; at < body.length; at += PAIR_BYTES)
    found(body.readDoubleLE(at), body.readDoubleLE(at + 8));
}

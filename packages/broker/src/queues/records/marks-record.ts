import type { RecordSource } from "@waybill/log";
import { recordOf } from "@waybill/log";
import type { OffsetQueue, OffsetRun } from "../queue/offset-queue.ts";
import { decodeRuns } from "../queue/offset-queue.ts";
import { KIND, VERSION } from "./kinds.ts";

/*
 * Settled messages, of several queues:
 *
 *      0      1         2 … for each queue
 *      +------+---------+---------+--------+---------+---------------------
 *      | 18   |    1    | queue   | count  | bytes   | offsets, as OffsetQueue
 *      |      |         | u32     | u32    | u32     | encodes them
 *      +------+---------+---------+--------+---------+---------------------
 *
 * How often messages were given back:
 *
 *      0      1         2 … for each message
 *      +------+---------+---------+------------+----------+----
 *      | 20   |    1    | queue   | offset f64 | returns  | …
 *      |      |         | u32     |            | u32      |
 *      +------+---------+---------+------------+----------+----
 *
 * Horizons: before its offset, messages of the queue may have been delivered:
 *
 *      0      1         2 … for each queue
 *      +------+---------+---------+------------+----
 *      | 19   |    1    | queue   | offset f64 | …
 *      |      |         | u32     |            |
 *      +------+---------+---------+------------+----
 */
const ACK_HEAD_BYTES = 12;
const HORIZON_BYTES = 12;
const RETURNS_BYTES = 16;

/** @param settled offsets by queue */
export function encodeAcks(settled: ReadonlyMap<number, OffsetQueue>): RecordSource {
  const parts: Uint8Array[] = [Uint8Array.of(KIND.acks, VERSION)];
  for (const [queueId, offsets] of settled) {
    const encoded = offsets.encode();
    const head = Buffer.allocUnsafe(ACK_HEAD_BYTES);
    head.writeUInt32LE(queueId, 0);
    head.writeUInt32LE(encoded.size, 4);
    head.writeUInt32LE(
      encoded.chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      8,
    );
    parts.push(head, ...encoded.chunks);
  }
  return recordOf(Buffer.concat(parts));
}

export function decodeAcks(data: Buffer, found: (queueId: number, run: OffsetRun) => void): void {
  for (let at = 2; at < data.length;) {
    const queueId = data.readUInt32LE(at);
    const end = at + ACK_HEAD_BYTES + data.readUInt32LE(at + 8);
    const chunks = [data.subarray(at + ACK_HEAD_BYTES, end)];
    for (const run of decodeRuns({ base: -1, chunks })) found(queueId, run);
    at = end;
  }
}

export function encodeHorizons(horizons: ReadonlyMap<number, number>): RecordSource {
  const bytes = Buffer.allocUnsafe(2 + HORIZON_BYTES * horizons.size);
  bytes[0] = KIND.horizon;
  bytes[1] = VERSION;
  let at = 2;
  for (const [queueId, offset] of horizons) {
    at = bytes.writeUInt32LE(queueId, at);
    at = bytes.writeDoubleLE(offset, at);
  }
  return recordOf(bytes);
}

export function decodeHorizons(data: Buffer, found: (queueId: number, offset: number) => void): void {
  for (let at = 2; at < data.length; at += HORIZON_BYTES) {
    found(data.readUInt32LE(at), data.readDoubleLE(at + 4));
  }
}

/** How often a message was given back. */
export interface ReturnCount {
  readonly offset: number;
  readonly returns: number;
}

export function encodeReturns(queueId: number, counts: readonly ReturnCount[]): RecordSource {
  const bytes = Buffer.allocUnsafe(2 + RETURNS_BYTES * counts.length);
  bytes[0] = KIND.returns;
  bytes[1] = VERSION;
  let at = 2;
  for (const { offset, returns } of counts) {
    at = bytes.writeUInt32LE(queueId, at);
    at = bytes.writeDoubleLE(offset, at);
    at = bytes.writeUInt32LE(returns, at);
  }
  return recordOf(bytes);
}

export function decodeReturns(data: Buffer, found: (queueId: number, count: ReturnCount) => void): void {
  for (let at = 2; at < data.length; at += RETURNS_BYTES) {
    const count = { offset: data.readDoubleLE(at + 4), returns: data.readUInt32LE(at + 12) };
    found(data.readUInt32LE(at), count);
  }
}

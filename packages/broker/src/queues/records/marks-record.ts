import type { RecordSource } from "@waybill/log";
import { recordOf } from "@waybill/log";
import { decodeValues, OffsetQueue } from "../queue/offset-queue.ts";
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

/** @param settled offsets in any order, by queue */
export function encodeAcks(settled: ReadonlyMap<number, readonly number[]>): RecordSource {
  const parts: Uint8Array[] = [Uint8Array.of(KIND.acks, VERSION)];
  for (const [queueId, offsets] of settled) {
    const encoded = sortedQueue(offsets).encode();
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

export function decodeAcks(data: Buffer, found: (queueId: number, offset: number) => void): void {
  for (let at = 2; at < data.length;) {
    const queueId = data.readUInt32LE(at);
    const size = data.readUInt32LE(at + 4);
    const end = at + ACK_HEAD_BYTES + data.readUInt32LE(at + 8);
    const chunks = [data.subarray(at + ACK_HEAD_BYTES, end)];
    for (const offset of decodeValues({ size, base: -1, last: -1, chunks })) found(queueId, offset);
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

function sortedQueue(offsets: readonly number[]): OffsetQueue {
  const queue = new OffsetQueue();
  for (const offset of Float64Array.from(offsets).sort()) if (offset > queue.last) queue.append(offset);
  return queue;
}

import type { RecordSource } from "@waybill/log";
import type { Content } from "./content-record.ts";
import { decodeContent } from "./content-record.ts";
import { KIND, VERSION } from "./kinds.ts";

/*
 * A message that was copied forward. Queues go on naming it by the offset that it had first.
 *
 *      0      1         2               10
 *      +------+---------+---------------+------------------
 *      | 21   |    1    | first offset  | the record that
 *      |      |         | f64           | stood there
 *      +------+---------+---------------+------------------
 */
const HEAD_BYTES = 10;

export function encodeCopy(firstOffset: number, content: Content): RecordSource {
  return {
    byteLength: HEAD_BYTES + content.byteLength,
    writeTo(target, at) {
      target[at] = KIND.copy;
      target[at + 1] = VERSION;
      target.writeDoubleLE(firstOffset, at + 2);
      content.writeTo(target, at + HEAD_BYTES);
    },
  };
}

export function isCopy(data: Buffer): boolean {
  return data[0] === KIND.copy;
}

export function copiedFrom(data: Buffer): number {
  return data.readDoubleLE(2);
}

export function copiedContent(data: Buffer): Content {
  return decodeContent(data.subarray(HEAD_BYTES));
}

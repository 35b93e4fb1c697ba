import type { RecordSource } from "@waybill/log";
import { recordOf } from "@waybill/log";

/** A record that consists of its kind, its version and JSON in UTF-8. */
export function jsonRecord(kind: number, version: number, json: string): RecordSource {
  const bytes = Buffer.allocUnsafe(2 + Buffer.byteLength(json));
  bytes[0] = kind;
  bytes[1] = version;
  bytes.write(json, 2);
  return recordOf(bytes);
}

import type { RecordSource } from "@waybill/log";
import { recordOf } from "@waybill/log";

const BYTES_MAX = 2_000;

/** The record that belongs to an offset: whoever reads it knows whether it is the right one. */
export function numberedRecord(offset: number): Buffer {
  // Sizes that have nothing to do with those of sectors and pages.
  return Buffer.alloc(8 + ((offset * 7919) % BYTES_MAX), `${offset}:`);
}

/** As many as `count`, from `offset` on. */
export function numberedRecords(offset: number, count: number): RecordSource[] {
  return Array.from({ length: count }, (_, index) => recordOf(numberedRecord(offset + index)));
}

import { WaybillError } from "@waybill/core";

/*
 * Every record of the log begins with
 *
 *      0      1         2
 *      +------+---------+----
 *      | kind | version | …
 *      +------+---------+----
 *
 * Kinds from 16 on are free for what another engine over the same log stores (AMQP content, queues, bindings).
 */
export const RECORD_KIND = {
  message: 1,
  group: 2,
  acks: 3,
  horizon: 4,
  fence: 5,
  positions: 6,
} as const;

export const RECORD_VERSION = 1;

/** @throws WaybillError `DATA_DIR_DAMAGED` for a version that this code cannot read. */
export function checkVersion(data: Buffer): void {
  if (data[1] === RECORD_VERSION) return;
  throw unreadable(`a record of kind ${data[0]} has version ${data[1]}, written by a newer Waybill`);
}

export function unreadable(detail: string): WaybillError {
  return new WaybillError(
    "DATA_DIR_DAMAGED",
    `The data directory cannot be used: ${detail}. Start the version that wrote it, or restore a copy.`,
  );
}

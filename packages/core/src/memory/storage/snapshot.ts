import { WaybillError } from "../../errors/waybill-error.ts";
import type { Snapshot } from "../../ports/outbox-store.ts";

/** The snapshot that sees nothing: the first transaction id is 1. */
export const EMPTY_SNAPSHOT: Snapshot = "1:1:";

/**
 * Which transactions had committed, like PostgreSQL's `pg_snapshot`, written `xmin:xmax:xip,xip,…`.
 *
 * Ids below `xmin` had ended, ids from `xmax` on had not begun, and `inProgress` lists those between that were open.
 */
export interface SnapshotParts {
  readonly xmin: number;
  readonly xmax: number;
  readonly inProgress: ReadonlySet<number>;
}

export function formatSnapshot(parts: SnapshotParts): Snapshot {
  return `${parts.xmin}:${parts.xmax}:${[...parts.inProgress].sort((a, b) => a - b).join(",")}`;
}

/** @throws WaybillError `STORAGE_FAILED` when the text is no snapshot. */
export function parseSnapshot(text: Snapshot): SnapshotParts {
  const match = /^(\d+):(\d+):((?:\d+,)*\d+)?$/.exec(text);
  if (match === null)
    throw new WaybillError("STORAGE_FAILED", `"${text}" is no snapshot of the memory storage.`);
  const open = match[3] === undefined ? [] : match[3].split(",").map(Number);
  return { xmin: Number(match[1]), xmax: Number(match[2]), inProgress: new Set(open) };
}

/** Whether a transaction had ended when the snapshot was taken. Rows of rolled-back ones do not exist any more. */
export function isVisible(xid: number, snapshot: SnapshotParts): boolean {
  return xid < snapshot.xmax && !snapshot.inProgress.has(xid);
}

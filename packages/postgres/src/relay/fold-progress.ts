import { WaybillError, type OpenWindow, type Progress } from "@waybill/core";
import type { Row } from "../connection/run.ts";
import { present } from "../text.ts";

/** Progress, and what the storage keeps beside it. */
export interface LoadedProgress {
  readonly progress: Progress;
  /** Steps since the newest base row. */
  readonly steps: number;
  /** Of the newest row: the transaction that wrote it, and the newest place of the outbox before it. */
  readonly xid: bigint;
  readonly floorRowId: number;
}

/**
 * Folds a base row and the steps after it, in their order.
 *
 * @throws WaybillError `SCHEMA_UNSAFE` when there is no base row: what was sent is not known then
 */
export function foldProgress(rows: readonly Row[]): LoadedProgress {
  const [base] = rows;
  const newest = rows.at(-1);
  if (base?.[0] !== "true" || newest === undefined) {
    throw new WaybillError(
      "SCHEMA_UNSAFE",
      "The relay's progress is missing from relay_progress: restore it, or run: npx waybill rebase",
    );
  }
  const sequences = new Map<string, number>();
  for (const row of rows) {
    const moved = JSON.parse(present(row[5])) as Record<string, number>;
    for (const [stream, next] of Object.entries(moved)) sequences.set(stream, next);
  }
  const from = present(newest[1]);
  return {
    progress: { from, window: windowOf(from, newest), sequences },
    steps: rows.length - 1,
    xid: BigInt(present(newest[7])),
    floorRowId: Number(newest[6]),
  };
}

function windowOf(from: string, row: Row): OpenWindow | null {
  const to = row[2] ?? null;
  return to === null ? null : { from, to, now: Number(row[3]), lastRowId: Number(row[4]) };
}

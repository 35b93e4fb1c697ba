import type { Parked, ParkedReason } from "../../ports/parked-store.ts";

/** A parked message with its due time, milliseconds since the epoch. */
export interface ParkedRow extends Parked {
  readonly dueAt: number;
}

/** What orders a message, `topic/key`; `null` when nothing does. */
export function orderKey(row: Pick<Parked, "envelope">): string | null {
  const { topic, key } = row.envelope;
  return key === null ? null : `${topic}/${key}`;
}

/** Which reasons hold up later messages of the key, in `blocking` order. */
const HOLDS_UP = {
  delayed: false,
  retry: true,
  behind: true,
  unknown: true,
  void: false,
} as const satisfies Record<ParkedReason, boolean>;

/** Whether later messages of its key wait for it. */
export function holdsUpItsKey(row: Pick<Parked, "order" | "reason">): boolean {
  return row.order === "blocking" && HOLDS_UP[row.reason];
}

/**
 * The rows of one group that are due and may run, in the order in which they were parked: in `blocking` order only
 * the first of its key, and none behind one that holds up its key and is not due yet. What is `behind` waits for
 * those before it and for no time.
 */
export function runnable(rows: readonly ParkedRow[], now: number): ParkedRow[] {
  const headed = new Set<string>();
  const found: ParkedRow[] = [];
  for (const row of rows.toSorted((a, b) => a.parkedId - b.parkedId)) {
    const key = row.order === "blocking" ? orderKey(row) : null;
    const waits = key !== null && headed.has(key);
    const due = row.reason === "behind" || row.dueAt <= now;
    if (key !== null && (due || holdsUpItsKey(row))) headed.add(key);
    if (due && !waits) found.push(row);
  }
  return found;
}

/** The delayed rows of its key that are due and now wait behind one that failed again, as they are from then on. */
export function dueBehind(failed: ParkedRow, rows: readonly ParkedRow[], now: number): ParkedRow[] {
  const key = orderKey(failed);
  if (key === null || !holdsUpItsKey(failed)) return [];
  return rows
    .filter((row) => row.order === "blocking" && row.reason === "delayed" && row.dueAt <= now)
    .filter((row) => row.parkedId > failed.parkedId && orderKey(row) === key)
    .map((row) => ({ ...row, reason: "behind" }));
}

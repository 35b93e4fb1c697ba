import type { Random } from "@waybill/core";

const FIRST_MS = 50;

/** How long to wait after so many failures in a row: doubled each time up to `maxMs`, shortened by up to a fifth. */
export function backOffMs(failures: number, maxMs: number, random: Random): number {
  const longest = Math.min(maxMs, FIRST_MS * 2 ** Math.min(failures, 16));
  return Math.round(longest * (1 - 0.2 * random.fraction()));
}

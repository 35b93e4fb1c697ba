const PAUSE_FIRST_MS = 50;

/**
 * How long to wait before trying again what nobody's attempts are used up by: 50 ms, doubled with each failure in a row
 * up to `maxMs`, and shortened by up to a fifth by chance.
 *
 * @param before failures in a row before this one
 */
export function pauseMs(before: number, maxMs: number, fraction: number): number {
  const longest = Math.min(maxMs, PAUSE_FIRST_MS * 2 ** Math.min(before, 16));
  return Math.round(longest * (1 - 0.2 * fraction));
}

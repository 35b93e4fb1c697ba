import type { Clock } from "./clock.ts";

/**
 * Resolves when `promise` has settled, or after `ms`. The process does not end before that, as it may by a timer of
 * `clock.after`: for those whom somebody waits for.
 */
export async function settledWithin(promise: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  const settled = new AbortController();
  const onSettled = (): void => settled.abort();
  promise.then(onSettled, onSettled);
  await clock.sleep(ms, settled.signal);
}

import { setImmediate as immediate, setTimeout as delay } from "node:timers/promises";

const DEADLINE_MS = 8_000;
const INTERVAL_MS = 2;
/** How long something is watched that must not happen. Too short a time can only hide a failure, never invent one. */
const WATCH_MS = 30;

/** Resolves with the first answer that is not `undefined`, `null` or `false`; fails when the deadline has passed. */
export async function waitUntil<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > until) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await delay(INTERVAL_MS);
  }
}

/** Whether the promise is still unsettled after a short while. */
export async function staysPending(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => false,
    () => false,
  );
  return Promise.race([settled, delay(WATCH_MS, true)]);
}

/** Whether a condition that could break soon holds for a short while. */
export async function staysTrue(condition: () => boolean): Promise<boolean> {
  const until = performance.now() + WATCH_MS;
  while (performance.now() < until) {
    if (!condition()) return false;
    await delay(INTERVAL_MS);
  }
  return condition();
}

/** Lets everything else that is ready run once, as a handler that awaits its database does. */
export async function oneTurn(): Promise<void> {
  await immediate();
}

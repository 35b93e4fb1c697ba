import { setTimeout as delay } from "node:timers/promises";

export interface WaitForOptions {
  /** How long to wait at most. Default 10 000. */
  readonly deadlineMs?: number;
  /** Time between two looks. Default 20. */
  readonly intervalMs?: number;
  /** What is being waited for, completing "waited 10000 ms for …". A function can show the state at the deadline. */
  readonly describe?: string | (() => string);
}

type Falsy = undefined | null | false | 0 | "";

/**
 * Resolves with the first truthy answer of `condition`, looking again every few milliseconds. A condition that
 * throws counts as not yet fulfilled. Rejects at the deadline, also while one look hangs, with the description
 * and the last error as cause.
 */
export async function waitFor<T>(
  condition: () => T | Falsy | Promise<T | Falsy>,
  options: WaitForOptions = {},
): Promise<Exclude<T, Falsy>> {
  const { deadlineMs = 10_000, intervalMs = 20, describe = "a condition" } = options;
  const ended = new AbortController();
  const state: { lastError?: unknown } = {};
  const deadline = delay(deadlineMs, undefined, { signal: ended.signal }).then(() => {
    const what = typeof describe === "function" ? describe() : describe;
    throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause: state.lastError });
  });
  try {
    return await Promise.race([poll(condition, intervalMs, ended.signal, state), deadline]);
  } finally {
    ended.abort();
    deadline.catch(() => undefined);
  }
}

async function poll<T>(
  condition: () => T | Falsy | Promise<T | Falsy>,
  intervalMs: number,
  ended: AbortSignal,
  state: { lastError?: unknown },
): Promise<Exclude<T, Falsy>> {
  while (!ended.aborted) {
    try {
      const answer = await condition();
      if (answer) return answer as Exclude<T, Falsy>;
    } catch (error) {
      state.lastError = error;
    }
    await delay(intervalMs);
  }
  throw new Error("the wait has ended");
}

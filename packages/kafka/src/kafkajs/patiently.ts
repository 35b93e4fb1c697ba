import { protocolErrorOf } from "./error-kind.ts";

/** A server that has just started, or that others' work has moved to, asks to be asked again. */
const NOT_YET =
  /COORDINATOR|GROUP_LOAD_IN_PROGRESS|UNKNOWN_TOPIC_OR_PARTITION|CONCURRENT_TRANSACTIONS|UNSTABLE_OFFSET_COMMIT|LEADER/;
const ATTEMPTS_MAX = 12;
const PAUSE_FIRST_MS = 20;
const PAUSE_MAX_MS = 500;

/** Does what kafkajs 2.2.4 gives up at the first try although the server only wants a moment (up to 4 s in all). */
export async function patiently<T>(
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean = isNotYet,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || attempt >= ATTEMPTS_MAX) throw error;
      const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

export function isNotYet(error: unknown): boolean {
  return NOT_YET.test(protocolErrorOf(error) ?? "");
}

import type { Cancellation } from "./cancellation.ts";

/**
 * Settles as `work` does, or rejects with the signal's reason when that aborts first; `giveUp` runs before it rejects.
 * For storages: it makes a transaction end although its work never settles.
 */
export function untilAborted<T>(
  work: () => Promise<T>,
  signal: Cancellation | undefined,
  giveUp: () => void,
): Promise<T> {
  if (signal === undefined) return work();
  return new Promise<T>((resolve, reject) => {
    // What a promise's executor throws rejects it.
    if (signal.aborted) throw signal.reason;
    const refuse: (reason: unknown) => void = reject;
    const onAbort = (): void => {
      signal.removeEventListener("abort", onAbort);
      giveUp();
      refuse(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    work().then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        refuse(error);
      },
    );
  });
}

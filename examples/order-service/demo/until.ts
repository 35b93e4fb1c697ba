import { waitFor, type WaitForOptions } from "@waybill/services";

/** `waitFor` that ends early, by throwing the reason, when `signal` is aborted. */
export async function until(
  signal: AbortSignal,
  condition: () => Promise<boolean> | boolean,
  options: WaitForOptions,
): Promise<void> {
  await waitFor(() => signal.aborted || condition(), options);
  signal.throwIfAborted();
}

/** Settles as `promise` does, or rejects with the reason as soon as `signal` is aborted. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason as Error), { signal: done.signal });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    done.abort();
    promise.catch(() => undefined); // Nobody waits for it any more if it lost the race.
  }
}

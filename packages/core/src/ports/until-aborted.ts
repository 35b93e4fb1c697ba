/**
 * Settles as `work` does, or rejects with the signal's reason when that aborts first; `giveUp` runs before it rejects.
 * For storages: it makes a transaction end although its work never settles.
 */
export async function untilAborted<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
  giveUp: () => void,
): Promise<T> {
  if (signal === undefined) return work();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    giveUp();
    aborted.reject(signal.reason);
  };
  signal.throwIfAborted();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

import type { Clock } from "@waybill/core";

/** Settles as `promise` does, or rejects when it has not after `ms`: a server that hangs answers nothing. */
export async function within<T>(promise: Promise<T>, ms: number, what: string, clock: Clock): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () => late.reject(new Error(`${what} within ${ms} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
    // When the deadline won, nobody else listens to what comes of the promise.
    promise.catch(() => {});
  }
}

import { WaybillError } from "../errors/waybill-error.ts";
import type { Clock } from "../ports/clock.ts";

/** Ends one transaction when what runs in it takes too long. */
export interface Deadline {
  /** For the transaction and for the handler: aborts with `HANDLER_TIMEOUT`. */
  readonly signal: AbortSignal;
  /** Runs `work`; aborts the signal when it has not settled after `ms`. `compensating` is the error it answers, if any. */
  within<T>(ms: number, what: string, work: () => Promise<T>, compensating?: Error): Promise<T>;
}

export function deadlineOn(clock: Clock): Deadline {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    async within(ms, what, work, compensating) {
      const cancel = clock.after(ms, () => {
        const message = `${what} did not finish within ${ms} ms; its transaction was given up.`;
        controller.abort(new WaybillError("HANDLER_TIMEOUT", message, { cause: compensating }));
      });
      try {
        return await work();
      } finally {
        cancel();
      }
    },
  };
}

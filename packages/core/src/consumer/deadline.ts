import { WaybillError } from "../errors/waybill-error.ts";
import type { Cancellation } from "../ports/cancellation.ts";
import type { Timeouts } from "./timeouts.ts";

/**
 * Ends one attempt when it takes too long: it aborts with `HANDLER_TIMEOUT`. There is one for every message, so it is a cancellation of its own, and an `AbortSignal` only once a handler asks for that.
 */
export class Deadline implements Cancellation {
  aborted = false;
  reason: unknown = undefined;
  readonly #timeouts: Timeouts;
  readonly #listeners = new Set<() => void>();
  #controller: AbortController | null = null;

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts;
  }

  /** For the handler. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Runs `work`; aborts when it has not settled after `ms`. `compensating` is the error that it answers, if any. */
  async within<T>(ms: number, what: string, work: () => Promise<T> | T, compensating?: Error): Promise<T> {
    const timeout = this.#timeouts.after(ms, () => {
      const message = `${what} did not finish within ${ms} ms; what it had done was undone.`;
      this.#abort(new WaybillError("HANDLER_TIMEOUT", message, { cause: compensating }));
    });
    try {
      return await work();
    } finally {
      this.#timeouts.cancel(timeout);
    }
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  #abort(reason: WaybillError): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners) listener();
    this.#controller?.abort(reason);
  }
}

import type { Clock } from "@waybill/core";

const POLL_MS = 250;

/** Notices when the log takes nothing more, and when it does again. */
export class Blocking {
  onChange: (reason: string | null) => void = () => {};
  /** Called now and then while it lasts. */
  onWaiting: () => void = () => {};
  readonly #clock: Clock;
  readonly #refusal: () => Error | null;
  #reason: string | null = null;
  #cancelTimer: (() => void) | null = null;

  /** @param refusal why the log takes nothing now; asking makes it try again */
  constructor(clock: Clock, refusal: () => Error | null) {
    this.#clock = clock;
    this.#refusal = refusal;
  }

  get reason(): string | null {
    return this.#reason;
  }

  /** Something was refused, or may be. */
  check(): void {
    const reason = this.#refusal()?.message ?? null;
    if (reason === null && this.#reason === null) return;
    const changed = (reason === null) !== (this.#reason === null);
    this.#reason = reason;
    if (reason !== null && this.#cancelTimer === null) {
      this.#cancelTimer = this.#clock.after(POLL_MS, () => {
        this.#cancelTimer = null;
        this.onWaiting();
        this.check();
      });
    }
    if (changed) this.onChange(reason);
  }

  stop(): void {
    this.#cancelTimer?.();
  }
}

import type { Clock } from "@waybill/core";

/** Writes what was noted a moment after the first of it, so that more goes along; one write at a time. */
export class LazyWrite {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #write: () => Promise<void>;
  readonly #isPending: () => boolean;
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;

  /**
   * @param write takes all that was noted and records it; does not reject
   * @param isPending whether anything was noted that no write has taken
   */
  constructor(clock: Clock, delayMs: number, write: () => Promise<void>, isPending: () => boolean) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#write = write;
    this.#isPending = isPending;
  }

  /** Something was noted. */
  noted(): void {
    if (this.#cancelTimer !== null || this.#writing !== null) return;
    this.#cancelTimer = this.#clock.after(this.#delayMs, () => {
      this.#cancelTimer = null;
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
        if (this.#isPending()) this.noted();
      });
    });
  }

  /** Writes what was noted now, and resolves when it is written. */
  async flush(): Promise<void> {
    this.stop();
    await this.#writing;
    await this.#write();
  }

  /** No write begins by itself until something is noted again. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}

import { connectionError } from "../replies/closing-error.ts";

/** What has arrived of unfinished messages on all channels of one connection. */
export class PartialBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** More has arrived, or (below 0) is no longer unfinished. @throws ClosingError 506 when it is too much */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax)
      throw connectionError(506, "too much of unfinished messages on this connection");
  }
}

/** Lets so many lines of one kind through in each second: a flood of them must not fill the disk that the log is on. */
export class LineLimit {
  readonly #linesMax: number;
  readonly #now: () => number;
  #second = -1;
  #lines = 0;
  #omitted = 0;

  constructor(linesMax: number, now: () => number = () => performance.now()) {
    this.#linesMax = linesMax;
    this.#now = now;
  }

  /** Whether this line is to be written, and how many were left out before it. */
  next(): { readonly isWritten: boolean; readonly omitted: number } {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines > this.#linesMax) {
      this.#omitted += 1;
      return { isWritten: false, omitted: 0 };
    }
    const omitted = this.#omitted;
    this.#omitted = 0;
    return { isWritten: true, omitted };
  }
}

/** Who keeps ids. */
interface IdKeeper {
  forgetId(sequence: number): void;
}

/** Bounds how many ids all partitions keep together: for each new one beyond, the oldest is forgotten. */
export class RecentIds {
  readonly #max: number;
  readonly #partitions: IdKeeper[] = [];
  readonly #sequences: number[] = [];
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  noted(partition: IdKeeper, sequence: number): void {
    const at = this.#next;
    const oldest = this.#sequences[at];
    if (oldest !== undefined) this.#partitions[at]?.forgetId(oldest);
    this.#partitions[at] = partition;
    this.#sequences[at] = sequence;
    this.#next = (at + 1) % this.#max;
  }
}

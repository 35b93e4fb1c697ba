/**
 * Which deliveries of a channel are applied and not acknowledged yet. Acknowledgements are gathered: all up to the
 * first delivery that is not applied go to the server as one.
 */
export class Acknowledgements {
  /** In the order of delivery, which is that of their tags. */
  readonly #open = new Set<number>();
  #applied: number[] = [];

  delivered(tag: number): void {
    this.#open.add(tag);
  }

  /** Answers whether this is the first one to acknowledge since the last `take`. */
  applied(tag: number): boolean {
    if (!this.#open.delete(tag)) return false;
    return this.#applied.push(tag) === 1;
  }

  /** What to acknowledge now: everything up to a tag (0: nothing), and single ones beyond. */
  take(): { readonly upTo: number; readonly single: readonly number[] } {
    const [firstOpen = Number.MAX_SAFE_INTEGER] = this.#open;
    const applied = this.#applied;
    this.#applied = [];
    let upTo = 0;
    for (const tag of applied) if (tag < firstOpen && tag > upTo) upTo = tag;
    return { upTo, single: applied.filter((tag) => tag > firstOpen) };
  }
}

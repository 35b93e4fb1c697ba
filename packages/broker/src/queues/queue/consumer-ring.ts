import type { Consumer } from "./consumer.ts";

/** The consumers of a queue: the highest priority first, those of one priority in turn. */
export class ConsumerRing {
  /** Sorted by priority, then by when they came. */
  #consumers: readonly Consumer[] = [];
  #turn = 0;
  #hasPriorities = false;
  readonly #singleActive: boolean;

  constructor(singleActive: boolean) {
    this.#singleActive = singleActive;
  }

  get size(): number {
    return this.#consumers.length;
  }

  get exclusive(): Consumer | undefined {
    return this.#consumers.find(({ isExclusive }) => isExclusive);
  }

  add(consumer: Consumer): void {
    this.#consumers = [...this.#consumers, consumer].sort((one, other) => other.priority - one.priority);
    this.#changed();
  }

  /** `false`: it is not here. */
  remove(consumer: Consumer): boolean {
    const before = this.#consumers.length;
    this.#consumers = this.#consumers.filter((one) => one !== consumer);
    this.#changed();
    return this.#consumers.length < before;
  }

  /** Empties the ring. */
  takeAll(): readonly Consumer[] {
    const consumers = this.#consumers;
    this.#consumers = [];
    this.#changed();
    return consumers;
  }

  /** Who gets the next message, or `undefined` when nobody has room. */
  next(): Consumer | undefined {
    const consumers = this.#consumers;
    const count = this.#singleActive ? Math.min(1, consumers.length) : consumers.length;
    let best: Consumer | undefined;
    for (let step = 0; step < count; step += 1) {
      const index = (this.#turn + step) % count;
      const consumer = consumers[index];
      if (consumer === undefined || !consumer.hasRoom) continue;
      if (best !== undefined && consumer.priority <= best.priority) continue;
      best = consumer;
      if (!this.#hasPriorities) {
        this.#turn = (index + 1) % count;
        return best;
      }
    }
    if (best !== undefined) this.#turn = (consumers.indexOf(best) + 1) % count;
    return best;
  }

  /** Whether `next` would find somebody. */
  get hasRoom(): boolean {
    if (this.#singleActive) return this.#consumers[0]?.hasRoom === true;
    return this.#consumers.some((consumer) => consumer.hasRoom);
  }

  #changed(): void {
    this.#turn = 0;
    this.#hasPriorities = this.#consumers.some(({ priority }) => priority !== this.#consumers[0]?.priority);
  }
}

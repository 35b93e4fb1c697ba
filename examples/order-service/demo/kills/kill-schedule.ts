/**
 * When the worker is killed: the orders fall into `kills + 1` parts of the same size, and each kill comes after a part.
 * Orders keep flowing while a worker is replaced, but the second half of a part waits for the new one. So every worker
 * has something to catch up on and something to do before it is killed itself, however fast the clients are.
 */
export class KillSchedule {
  /** The number of answered orders at which each kill comes. */
  readonly thresholds: readonly number[];
  /** For each kill: the first order that waits for the takeover, and the takeover. */
  readonly #gates: readonly { readonly index: number; readonly takeover: PromiseWithResolvers<void> }[];

  constructor(orders: number, kills: number) {
    const part = orders / (kills + 1);
    this.thresholds = Array.from({ length: kills }, (_, kill) => Math.floor(part * (kill + 1)));
    this.#gates = Array.from({ length: kills }, (_, kill) => ({
      index: Math.floor(part * (kill + 1.5)),
      takeover: Promise.withResolvers<void>(),
    }));
  }

  /** Resolves when the order with this index may be placed. */
  async mayPlace(index: number): Promise<void> {
    await this.#gates.findLast((gate) => gate.index <= index)?.takeover.promise;
  }

  /** A new worker has taken over after this kill. */
  tookOver(kill: number): void {
    this.#gates[kill]?.takeover.resolve();
  }
}

/**
 * When something is killed: the orders fall into `kills + 1` parts of the same size, and each kill comes after a part.
 * Orders keep flowing meanwhile, but the second half of a part waits for the recovery from the kill. So every worker
 * has something to catch up on and something to do before the next kill, however fast the clients are.
 */
export class KillSchedule {
  /** The number of answered orders at which each kill comes. */
  readonly thresholds: readonly number[];
  /** For each kill: the first order that waits for the recovery, and the recovery. */
  readonly #gates: readonly { readonly index: number; readonly recovery: PromiseWithResolvers<void> }[];

  constructor(orders: number, kills: number) {
    const part = orders / (kills + 1);
    this.thresholds = Array.from({ length: kills }, (_, kill) => Math.floor(part * (kill + 1)));
    this.#gates = Array.from({ length: kills }, (_, kill) => ({
      index: Math.floor(part * (kill + 1.5)),
      recovery: Promise.withResolvers<void>(),
    }));
  }

  /** Resolves when the order with this index may be placed. */
  async mayPlace(index: number): Promise<void> {
    await this.#gates.findLast((gate) => gate.index <= index)?.recovery.promise;
  }

  /** Somebody has taken over, or what was killed is back. */
  recovered(kill: number): void {
    this.#gates[kill]?.recovery.resolve();
  }
}

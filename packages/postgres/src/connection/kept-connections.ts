import type { Pool } from "pg";
import { checkOut, type CheckedOut, type Lender } from "./checked-out.ts";

/** How often in a row a connection is kept, so that the pool gets to see how old it is. */
const USES_MAX = 100;

/**
 * Lends connections of a pool, and keeps one that comes back for whoever wants one before the event loop goes round: the
 * next message, when there is one. That spares the pool's work in between. Nothing is kept while somebody waits in the
 * pool, or from a pool that counts uses.
 */
export class KeptConnections implements Lender {
  readonly #pool: Pool;
  readonly #kept: CheckedOut[] = [];
  #releasing = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  take(): Promise<CheckedOut> {
    const kept = this.#kept.pop();
    if (kept !== undefined) {
      if (this.#mayKeep(kept)) return Promise.resolve(kept);
      kept.release();
    }
    return checkOut(this.#pool);
  }

  giveBack(lent: CheckedOut): void {
    lent.uses += 1;
    if (lent.uses >= USES_MAX || !this.#mayKeep(lent)) return lent.release();
    this.#kept.push(lent);
    if (this.#releasing) return;
    this.#releasing = true;
    setImmediate(() => {
      this.#releasing = false;
      for (const one of this.#kept.splice(0)) one.release();
    });
  }

  #mayKeep(lent: CheckedOut): boolean {
    const { waitingCount, ending, options } = this.#pool;
    return waitingCount === 0 && !ending && (options.maxUses ?? Infinity) === Infinity && lent.isSound;
  }
}

import type { Pool } from "pg";
import { checkOut, type CheckedOut, type Lender } from "./checked-out.ts";
import { OwedCommit } from "./owed-commit.ts";
import { takesOwnQueries } from "./prepared.ts";

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
  readonly #offered: CheckedOut[] = [];
  #releasing = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  take(): Promise<CheckedOut> {
    const offered = this.#offered.shift();
    if (offered !== undefined) return Promise.resolve(offered);
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

  /**
   * Offers a connection whose transaction is to be committed to whoever begins one before the microtasks are over, in answer
   * to `onCommit`: then that one sends the COMMIT, and the connection is theirs. Resolves to the COMMIT that they owe, or to
   * `null` when the connection could not be offered or nobody took it.
   */
  async passOn(lent: CheckedOut, onCommit: () => void): Promise<OwedCommit | null> {
    if (lent.uses + 1 >= USES_MAX || !lent.isUnhurt || !this.#isFree || !takesOwnQueries(lent.client))
      return null;
    const owed = new OwedCommit(lent.client);
    lent.owed = owed;
    lent.uses += 1;
    this.#offered.push(lent);
    onCommit();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const index = this.#offered.indexOf(lent);
    if (index === -1) return owed;
    this.#offered.splice(index, 1);
    lent.owed = null;
    return null;
  }

  #mayKeep(lent: CheckedOut): boolean {
    return this.#isFree && lent.isSound;
  }

  /** Nobody waits in the pool, and it does not count uses. */
  get #isFree(): boolean {
    const { waitingCount, ending, options } = this.#pool;
    return waitingCount === 0 && !ending && (options.maxUses ?? Infinity) === Infinity;
  }
}

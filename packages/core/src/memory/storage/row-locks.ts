import { WaybillError } from "../../errors/waybill-error.ts";
import type { Transactional } from "./participant.ts";

interface Lock {
  holder: Transactional;
  /** Wakes those who wait, in the order in which they came. */
  readonly waiters: (() => void)[];
}

/**
 * Exclusive locks by name, held until the transaction ends or rolls back to a savepoint from before the lock.
 * A circle of waiting transactions is noticed at once, and the one that would close it fails.
 */
export class RowLocks {
  readonly #locks = new Map<string, Lock>();
  readonly #waitingFor = new Map<Transactional, string>();

  /**
   * Takes the lock, waiting for other transactions.
   *
   * @throws WaybillError `STORAGE_FAILED` when waiting would be a deadlock.
   */
  async take(tx: Transactional, name: string): Promise<void> {
    while (!this.tryTake(tx, name)) {
      const lock = this.#locks.get(name);
      if (lock === undefined) continue;
      this.#refuseDeadlock(tx, lock.holder);
      this.#waitingFor.set(tx, name);
      await new Promise<void>((resolve) => lock.waiters.push(resolve));
      this.#waitingFor.delete(tx);
      tx.assertOpen();
    }
  }

  /** Takes the lock unless another transaction holds it. */
  tryTake(tx: Transactional, name: string): boolean {
    const lock = this.#locks.get(name);
    if (lock !== undefined) return lock.holder === tx;
    this.#locks.set(name, { holder: tx, waiters: [] });
    tx.onUndo(() => this.#release(name));
    tx.onEnd(() => this.#release(name, tx));
    return true;
  }

  /** Whether any transaction holds it. */
  held(name: string): boolean {
    return this.#locks.has(name);
  }

  /** Whether a transaction other than `tx` holds it. */
  heldByOther(tx: Transactional, name: string): boolean {
    const lock = this.#locks.get(name);
    return lock !== undefined && lock.holder !== tx;
  }

  #release(name: string, holder?: Transactional): void {
    const lock = this.#locks.get(name);
    if (lock === undefined || (holder !== undefined && lock.holder !== holder)) return;
    this.#locks.delete(name);
    for (const wake of lock.waiters) wake();
  }

  #refuseDeadlock(tx: Transactional, holder: Transactional): void {
    let next: Transactional | undefined = holder;
    while (next !== undefined) {
      if (next === tx) {
        throw new WaybillError("STORAGE_FAILED", "Deadlock: two transactions wait for each other's locks.");
      }
      const name = this.#waitingFor.get(next);
      next = name === undefined ? undefined : this.#locks.get(name)?.holder;
    }
  }
}

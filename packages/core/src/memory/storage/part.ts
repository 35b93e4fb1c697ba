import { transactionEnded, type MemoryTransaction } from "./open-transaction.ts";

/** What the work of a savepoint is given that can end before its transaction does. */
export class Part implements MemoryTransaction {
  readonly #whole: MemoryTransaction;
  #open = true;

  constructor(whole: MemoryTransaction) {
    this.#whole = whole;
  }

  /** The transaction that it is a part of. @throws WaybillError `NOT_IN_TRANSACTION` */
  get whole(): MemoryTransaction {
    if (!this.#open) throw transactionEnded();
    return this.#whole;
  }

  end(): void {
    this.#open = false;
  }

  async get(key: string): Promise<unknown> {
    return this.whole.get(key);
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.update(key, () => value);
  }

  /** It may end while it waits for the row. */
  async update<T>(key: string, change: (value: unknown) => T): Promise<T> {
    return this.whole.update(key, (value) => {
      if (!this.#open) throw transactionEnded();
      return change(value);
    });
  }
}

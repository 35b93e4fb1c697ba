import type { DeadLetter, DeadLetterStore, NewDeadLetter } from "../../ports/dead-letter-store.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { MemoryTransaction } from "./open-transaction.ts";
import { VersionedTable } from "./versioned-table.ts";

/** Dead letters in memory: kept until the storage goes. */
export class MemoryDeadLetters implements DeadLetterStore<MemoryTransaction> {
  readonly #database: MemoryDatabase;
  readonly #letters = new VersionedTable<number, DeadLetter>();
  #nextId = 1;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async bury(tx: MemoryTransaction, letter: NewDeadLetter): Promise<void> {
    const open = this.#database.opened(tx);
    const dead = this.#new(letter);
    this.#letters.write(open, dead.deadLetterId, dead);
  }

  /** Buries outside of any transaction. */
  buryCommitted(letter: NewDeadLetter): void {
    const dead = this.#new(letter);
    this.#letters.writeCommitted(dead.deadLetterId, dead);
  }

  async list(limit: number): Promise<readonly DeadLetter[]> {
    const letters = [...this.#letters.entries(null)].map(([, letter]) => letter);
    return letters.sort((a, b) => b.deadLetterId - a.deadLetterId).slice(0, limit);
  }

  #new(letter: NewDeadLetter): DeadLetter {
    const deadLetterId = this.#nextId;
    this.#nextId += 1;
    return { ...letter, deadLetterId, diedAt: this.#database.now() };
  }
}

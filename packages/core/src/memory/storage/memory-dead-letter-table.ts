import type { DeadLetter, NewDeadLetter } from "../../ports/dead-letter-store.ts";
import { OUTGOING, type Parked } from "../../ports/parked-store.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { OpenTransaction } from "./open-transaction.ts";
import { VersionedTable } from "./versioned-table.ts";

/** A dead letter with when and how often its `onGiveUp` handler runs. */
export interface DeadLetterRow extends DeadLetter {
  readonly giveUpDueAt: number | null;
  readonly giveUpAttempts: number;
}

/** The dead letters in memory: one row per group and message. */
export class MemoryDeadLetterTable {
  readonly #database: MemoryDatabase;
  readonly #rows = new VersionedTable<number, DeadLetterRow>();
  readonly #idOfMessage = new VersionedTable<string, number>();
  #nextId = 1;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  /** Records a death in a transaction. */
  async bury(open: OpenTransaction, letter: NewDeadLetter): Promise<void> {
    const message = messageName(letter.group, letter.envelope.id);
    await this.#database.locks.take(open, message);
    const row = this.#died(letter, this.find(open, letter.group, letter.envelope.id));
    this.#rows.write(open, row.deadLetterId, row);
    this.#idOfMessage.write(open, message, row.deadLetterId);
  }

  /** Records a death outside of any transaction. */
  buryCommitted(letter: NewDeadLetter): void {
    const row = this.#died(letter, this.find(null, letter.group, letter.envelope.id));
    this.#rows.writeCommitted(row.deadLetterId, row);
    this.#idOfMessage.writeCommitted(messageName(letter.group, letter.envelope.id), row.deadLetterId);
  }

  /** A parked message goes because it ran. */
  async recover(open: OpenTransaction, gone: Parked): Promise<void> {
    if (gone.delivery === 0) return;
    await this.#database.locks.take(open, messageName(gone.group, gone.envelope.id));
    const row = this.find(open, gone.group, gone.envelope.id);
    if (row !== undefined && isRetriedAs(row, gone)) this.write(open, { ...row, state: "recovered" });
  }

  recoverCommitted(gone: Parked): void {
    const row = gone.delivery === 0 ? undefined : this.find(null, gone.group, gone.envelope.id);
    if (row === undefined || !isRetriedAs(row, gone)) return;
    this.#rows.writeCommitted(row.deadLetterId, { ...row, state: "recovered" });
  }

  find(open: OpenTransaction | null, group: string, messageId: string): DeadLetterRow | undefined {
    const id = this.#idOfMessage.read(open, messageName(group, messageId));
    return id === undefined ? undefined : this.#rows.read(open, id);
  }

  /** Locks a letter until the transaction ends, then reads it. */
  async lock(open: OpenTransaction, deadLetterId: number): Promise<DeadLetterRow | undefined> {
    const row = this.#rows.read(open, deadLetterId);
    if (row === undefined) return undefined;
    await this.#database.locks.take(open, messageName(row.group, row.envelope.id));
    return this.#rows.read(open, deadLetterId);
  }

  /** Locks a letter unless another transaction has locked it. */
  tryLock(open: OpenTransaction, row: DeadLetterRow): boolean {
    return this.#database.locks.tryTake(open, messageName(row.group, row.envelope.id));
  }

  write(open: OpenTransaction, row: DeadLetterRow): void {
    this.#rows.write(open, row.deadLetterId, row);
  }

  all(open: OpenTransaction | null): DeadLetterRow[] {
    return [...this.#rows.entries(open)].map(([, row]) => row);
  }

  #died(letter: NewDeadLetter, before: DeadLetterRow | undefined): DeadLetterRow {
    const now = this.#database.now();
    const failingSince = letter.failingSince ?? now;
    const giveUpDueAt = letter.group === OUTGOING && before?.answered !== true ? now : null;
    if (before === undefined) {
      const deadLetterId = this.#nextId;
      this.#nextId += 1;
      const counts = { deaths: 1, attemptsTotal: letter.attempts, delivery: 0 };
      const giveUp = { giveUpDueAt, giveUpAttempts: 0, giveUpError: null };
      return { ...letter, ...counts, ...giveUp, deadLetterId, state: "dead", failingSince, diedAt: now };
    }
    return {
      ...before,
      ...letter,
      envelope: before.envelope,
      state: "dead",
      deaths: before.deaths + 1,
      attemptsTotal: before.attemptsTotal + letter.attempts,
      answered: before.answered || letter.answered,
      failingSince: Math.min(before.failingSince, failingSince),
      diedAt: now,
      giveUpDueAt,
    };
  }
}

function isRetriedAs(row: DeadLetterRow, parked: Parked): boolean {
  return row.state === "retrying" && row.delivery === parked.delivery;
}

function messageName(group: string, messageId: string): string {
  return `dead ${messageId} ${group}`;
}

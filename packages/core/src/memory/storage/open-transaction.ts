import { WaybillError } from "../../errors/waybill-error.ts";
import type { Participant, Transactional } from "./participant.ts";
import type { RowLocks } from "./row-locks.ts";
import type { VersionedTable } from "./versioned-table.ts";

/**
 * A transaction of the memory storage, with a small table of its own for the rows of tests and simulations. What it
 * writes exists for others if and only if it commits. Values are not copied: treat them as immutable.
 */
export interface MemoryTransaction {
  /** What is committed now, or what this transaction wrote. `undefined` when there is nothing. */
  get(key: string): Promise<unknown>;
  /** Writes, waiting for another open transaction that wrote the same key. `undefined` deletes. */
  set(key: string, value: unknown): Promise<void>;
  /** Like `UPDATE … SET value = change(value)`: waits for other writers of the key, then reads what is newest. */
  update<T>(key: string, change: (value: unknown) => T): Promise<T>;
}

/** The database that a transaction belongs to. */
export interface TransactionHome {
  readonly locks: RowLocks;
  /** The business rows of `MemoryTransaction`. */
  readonly rows: VersionedTable<string, {} | null>;
  startXid(): number;
  endXid(xid: number): void;
}

/** The inside of a `MemoryTransaction`: its id, its undo journal and what waits for its end. */
export class OpenTransaction implements MemoryTransaction, Transactional {
  readonly database: TransactionHome;
  readonly #participants = new Set<Participant>();
  readonly #undo: (() => void)[] = [];
  readonly #ending: (() => void)[] = [];
  readonly #afterCommit: (() => void)[] = [];
  #xid: number | null = null;
  #open = true;

  constructor(database: TransactionHome) {
    this.database = database;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The transaction's id, taken at its first write. */
  get xid(): number {
    this.assertOpen();
    this.#xid ??= this.database.startXid();
    return this.#xid;
  }

  assertOpen(): void {
    if (!this.#open) throw transactionEnded();
  }

  async get(key: string): Promise<unknown> {
    this.assertOpen();
    return this.database.rows.read(this, key);
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.update(key, () => value);
  }

  async update<T>(key: string, change: (value: unknown) => T): Promise<T> {
    this.assertOpen();
    await this.database.locks.take(this, `row ${key}`);
    const value = change(this.database.rows.read(this, key));
    this.database.rows.write(this, key, value);
    return value;
  }

  enlist(participant: Participant): void {
    void this.xid;
    this.#participants.add(participant);
  }

  onUndo(action: () => void): void {
    this.#undo.push(action);
  }

  onEnd(action: () => void): void {
    this.#ending.push(action);
  }

  onCommitted(action: () => void): void {
    this.#afterCommit.push(action);
  }

  /** A mark to roll back to. */
  mark(): number {
    this.assertOpen();
    return this.#undo.length;
  }

  rollbackTo(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.();
  }

  commit(): void {
    for (const participant of this.#participants) participant.commit(this);
    this.#end();
    for (const action of this.#afterCommit) ignoreErrors(action);
  }

  rollback(): void {
    this.rollbackTo(0);
    this.#end();
  }

  #end(): void {
    this.#open = false;
    for (const participant of this.#participants) participant.forget(this);
    if (this.#xid !== null) this.database.endXid(this.#xid);
    for (const action of this.#ending) action();
  }
}

/** What follows a commit is a hint; its failure must not look like a failed commit. */
function ignoreErrors(action: () => void): void {
  try {
    action();
  } catch {
    return;
  }
}

export function transactionEnded(): WaybillError {
  return new WaybillError(
    "NOT_IN_TRANSACTION",
    "The transaction has ended. Await everything that uses it before it commits.",
  );
}

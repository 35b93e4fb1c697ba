import type { NewParked, Parked, ParkedReason, ParkedStart, ParkedStore } from "../../ports/parked-store.ts";
import { OUTGOING } from "../../ports/parked-store.ts";
import type { ParkedChange } from "../../ports/relay-store.ts";
import type { Envelope } from "../../message/envelope.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { MemoryDeadLetterTable } from "./memory-dead-letter-table.ts";
import type { MemoryTransaction, OpenTransaction } from "./open-transaction.ts";
import type { ParkedRow } from "./parked-order.ts";
import { dueBehind, holdsUpItsKey, orderKey, runnable } from "./parked-order.ts";
import { VersionedTable } from "./versioned-table.ts";

/** Messages that wait, in memory. `parkedId` is the place in the order of a key, and never changes. */
export class MemoryParked implements ParkedStore<MemoryTransaction> {
  readonly #database: MemoryDatabase;
  readonly #deadLetters: MemoryDeadLetterTable;
  readonly #rows = new VersionedTable<number, ParkedRow>();
  readonly #idOfMessage = new VersionedTable<string, number>();
  /** How often a row was started since it was parked, or parked again. */
  readonly #starts = new VersionedTable<number, number>();
  #nextId = 1;

  constructor(database: MemoryDatabase, deadLetters: MemoryDeadLetterTable) {
    this.#database = database;
    this.#deadLetters = deadLetters;
  }

  async dueOutgoing(limit: number): Promise<{ now: number; parked: readonly Parked[] }> {
    const now = this.#database.now();
    return { now, parked: runnable(this.#of(null, OUTGOING), now).slice(0, limit).map(toParked) };
  }

  async blockedOutgoing(): Promise<ReadonlySet<string>> {
    const blocked = new Set<string>();
    for (const row of this.#of(null, OUTGOING)) {
      const key = orderKey(row);
      if (key !== null && holdsUpItsKey(row)) blocked.add(key);
    }
    return blocked;
  }

  async park(tx: MemoryTransaction, parked: NewParked): Promise<void> {
    await this.parkDelivery(tx, parked, 0);
  }

  /** Parks a message under a delivery number; answers `false` when it is parked already. */
  async parkDelivery(tx: MemoryTransaction, parked: NewParked, delivery: number): Promise<boolean> {
    const open = this.#database.opened(tx);
    const message = messageLock(parked.group, parked.envelope.id);
    await this.#database.locks.take(open, message);
    if (this.#idOfMessage.read(open, message) !== undefined) return false;
    const row = { ...this.#new(parked), delivery };
    await this.#database.locks.take(open, rowLock(row.parkedId));
    this.#rows.write(open, row.parkedId, row);
    this.#idOfMessage.write(open, message, row.parkedId);
    return true;
  }

  async start(group: string, alone: boolean): Promise<ParkedStart | null> {
    const due = runnable(this.#of(null, group), this.#database.now());
    const next = due.find(({ parkedId }) => !this.#database.locks.held(rowLock(parkedId)));
    if (next === undefined) return null;
    const { parkedId } = next;
    const before = this.#starts.read(null, parkedId) ?? 0;
    if (before > 0 && !alone) return { parkedId, starts: null };
    this.#starts.writeCommitted(parkedId, before + 1);
    return { parkedId, starts: before + 1 };
  }

  async unstart(parkedId: number): Promise<void> {
    const before = this.#starts.read(null, parkedId);
    if (before !== undefined) this.#starts.writeCommitted(parkedId, Math.max(0, before - 1));
  }

  async takeDue(tx: MemoryTransaction, group: string, only?: number): Promise<Parked | null> {
    const open = this.#database.opened(tx);
    for (const row of runnable(this.#of(open, group), this.#database.now())) {
      if (only !== undefined && row.parkedId !== only) continue;
      if (!this.#database.locks.tryTake(open, rowLock(row.parkedId))) continue;
      void open.xid;
      return toParked(row);
    }
    return null;
  }

  async remove(tx: MemoryTransaction, parkedId: number): Promise<void> {
    const open = this.#database.opened(tx);
    await this.#database.locks.take(open, rowLock(parkedId));
    const row = this.#rows.read(open, parkedId);
    if (row === undefined) return;
    this.#rows.write(open, parkedId, undefined);
    this.#starts.write(open, parkedId, undefined);
    this.#idOfMessage.write(open, messageLock(row.group, row.envelope.id), undefined);
    await this.#deadLetters.recover(open, row);
  }

  async again(
    tx: MemoryTransaction,
    parkedId: number,
    change: Parameters<ParkedStore<MemoryTransaction>["again"]>[2],
  ): Promise<void> {
    const open = this.#database.opened(tx);
    await this.#database.locks.take(open, rowLock(parkedId));
    const row = this.#rows.read(open, parkedId);
    if (row === undefined) return;
    const { dueInMs, ...changed } = change;
    const again = { ...row, ...changed, dueAt: this.#database.now() + dueInMs };
    this.#rows.write(open, parkedId, again);
    this.#starts.write(open, parkedId, undefined);
    for (const one of dueBehind(again, this.#of(open, row.group), this.#database.now())) {
      if (this.#database.locks.tryTake(open, rowLock(one.parkedId)))
        this.#rows.write(open, one.parkedId, one);
    }
  }

  async count(limit: number): Promise<readonly { group: string; reason: ParkedReason; count: number }[]> {
    const counts = new Map<string, { group: string; reason: ParkedReason; count: number }>();
    let counted = 0;
    for (const [, { group, reason }] of this.#rows.entries(null)) {
      if (counted === limit) break;
      counted += 1;
      const name = `${reason} ${group}`;
      counts.set(name, { group, reason, count: (counts.get(name)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  /** The parked row of a message in its group, as `tx` sees it. */
  find(tx: OpenTransaction | null, group: string, messageId: string): number | undefined {
    return this.#idOfMessage.read(tx, messageLock(group, messageId));
  }

  /** Whether a parked row before `parkedId` (any row when `null`) holds up the key of `envelope`. */
  holdsUp(tx: OpenTransaction, group: string, envelope: Envelope, parkedId: number | null): boolean {
    const key = orderKey({ envelope });
    if (key === null) return false;
    for (const [id, row] of this.#rows.entries(tx)) {
      if (row.group !== group || id >= (parkedId ?? Number.POSITIVE_INFINITY)) continue;
      if (orderKey(row) === key && holdsUpItsKey(row)) return true;
    }
    return false;
  }

  /** Parks outside of any transaction; a second time for the same message changes nothing. */
  parkCommitted(parked: NewParked): void {
    const message = messageLock(parked.group, parked.envelope.id);
    if (this.#idOfMessage.read(null, message) !== undefined) return;
    const row = this.#new(parked);
    this.#rows.writeCommitted(row.parkedId, row);
    this.#idOfMessage.writeCommitted(message, row.parkedId);
  }

  /** Applies what the relay decided about one outgoing message; nothing when it is not parked any more. */
  change(change: ParkedChange, incarnation: string): void {
    const row = this.#rows.read(null, change.parkedId);
    if (row === undefined) return;
    switch (change.kind) {
      case "position": {
        const envelope = { ...row.envelope, position: { incarnation, sequence: change.sequence } };
        return this.#rows.writeCommitted(row.parkedId, { ...row, envelope });
      }
      case "again": {
        const reason = row.reason === "void" ? "void" : "retry";
        const dueAt = this.#database.now() + change.dueInMs;
        const { attempts, error } = change;
        const again: ParkedRow = { ...row, reason, attempts, error, dueAt };
        this.#rows.writeCommitted(row.parkedId, again);
        for (const one of dueBehind(again, this.#of(null, row.group), this.#database.now()))
          this.#rows.writeCommitted(one.parkedId, one);
        return;
      }
      case "dead":
        this.#drop(row);
        return this.#deadLetters.buryCommitted(change.letter);
      case "published":
        return this.#drop(row);
    }
  }

  /** Positions of another incarnation mean nothing: outgoing messages get new ones, and announcements of empty ones go. */
  forgetPositions(): void {
    for (const row of this.#of(null, OUTGOING)) {
      if (row.reason === "void") this.#drop(row);
      else this.#rows.writeCommitted(row.parkedId, { ...row, envelope: { ...row.envelope, position: null } });
    }
  }

  #drop(row: ParkedRow): void {
    this.#rows.writeCommitted(row.parkedId, undefined);
    this.#idOfMessage.writeCommitted(messageLock(row.group, row.envelope.id), undefined);
    this.#deadLetters.recoverCommitted(row);
  }

  #of(tx: OpenTransaction | null, group: string): ParkedRow[] {
    const rows: ParkedRow[] = [];
    for (const [, row] of this.#rows.entries(tx)) {
      if (row.group === group) rows.push(row);
    }
    return rows;
  }

  #new(parked: NewParked): ParkedRow {
    const { due, ...rest } = parked;
    const parkedId = this.#nextId;
    this.#nextId += 1;
    const parkedAt = this.#database.now();
    return { ...rest, parkedId, parkedAt, delivery: 0, dueAt: "at" in due ? due.at : parkedAt + due.inMs };
  }
}

/** The name of the lock under which a message of a group is claimed or parked. */
export function messageLock(group: string, messageId: string): string {
  return `message ${messageId} ${group}`;
}

function rowLock(parkedId: number): string {
  return `parked ${parkedId}`;
}

function toParked(row: ParkedRow): Parked {
  const { dueAt: _dueAt, ...parked } = row;
  return parked;
}

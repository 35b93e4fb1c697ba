import type { AuditRow, OperatorAct } from "../../ports/dead-letter-audit.ts";
import type {
  ChosenLetter,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterStore,
  DueGiveUp,
  FailureGroup,
  NewDeadLetter,
} from "../../ports/dead-letter-store.ts";
import { OUTGOING } from "../../ports/parked-store.ts";
import { groupFailures, inSendOrder, matches } from "./dead-letter-order.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { DeadLetterRow, MemoryDeadLetterTable } from "./memory-dead-letter-table.ts";
import type { MemoryParked } from "./memory-parked.ts";
import type { MemoryTransaction, OpenTransaction } from "./open-transaction.ts";
import { VersionedTable } from "./versioned-table.ts";

type Store = DeadLetterStore<MemoryTransaction>;

/** Dead letters in memory, and what operators did to them: kept until the storage goes. */
export class MemoryDeadLetters implements Store {
  readonly #database: MemoryDatabase;
  readonly #letters: MemoryDeadLetterTable;
  readonly #parked: MemoryParked;
  readonly #audit = new VersionedTable<number, AuditRow>();
  #nextAuditId = 1;

  constructor(database: MemoryDatabase, letters: MemoryDeadLetterTable, parked: MemoryParked) {
    this.#database = database;
    this.#letters = letters;
    this.#parked = parked;
  }

  async bury(tx: MemoryTransaction, letter: NewDeadLetter): Promise<void> {
    await this.#letters.bury(this.#database.opened(tx), letter);
  }

  async list(
    limit: number,
    filter: DeadLetterFilter = {},
    beforeId = Number.POSITIVE_INFINITY,
  ): Promise<readonly DeadLetter[]> {
    return this.#newest()
      .filter((row) => row.deadLetterId < beforeId && matches(row, filter))
      .slice(0, limit)
      .map(toLetter);
  }

  async groups(limit: number): Promise<readonly FailureGroup[]> {
    const dead = this.#newest().filter(({ state }) => state === "dead");
    return groupFailures(dead.slice(0, limit));
  }

  async wasAnswered(tx: MemoryTransaction, group: string, messageId: string): Promise<boolean> {
    return this.#letters.find(this.#database.opened(tx), group, messageId)?.answered ?? false;
  }

  async choose(
    filter: DeadLetterFilter,
    limit: number,
  ): Promise<{ now: number; chosen: readonly ChosenLetter[] }> {
    const rows = this.#letters.all(null).filter((row) => matches(row, filter));
    const chosen = inSendOrder(rows)
      .slice(0, limit)
      .map(({ deadLetterId, delivery }) => ({ deadLetterId, delivery }));
    return { now: this.#database.now(), chosen };
  }

  async retry(tx: MemoryTransaction, ...[chosen, act]: After<Store["retry"]>): Promise<readonly number[]> {
    const open = this.#database.opened(tx);
    const retried: number[] = [];
    for (const { deadLetterId, delivery, dueAt } of chosen) {
      const row = await this.#letters.lock(open, deadLetterId);
      if (row === undefined || row.delivery !== delivery) continue;
      if (row.state !== "dead" && row.state !== "discarded") continue;
      if (row.answered && !act.answeredToo) continue;
      if (!(await this.#park(tx, row, dueAt))) continue;
      const retrying: DeadLetterRow = { ...row, state: "retrying", delivery: row.delivery + 1 };
      this.#letters.write(open, retrying);
      this.#record(open, "retry", retrying, act);
      retried.push(deadLetterId);
    }
    return retried;
  }

  async discard(
    tx: MemoryTransaction,
    ...[chosen, act]: After<Store["discard"]>
  ): Promise<readonly number[]> {
    const open = this.#database.opened(tx);
    const discarded: number[] = [];
    for (const { deadLetterId, delivery } of chosen) {
      const row = await this.#letters.lock(open, deadLetterId);
      if (row === undefined || row.delivery !== delivery || row.state !== "dead") continue;
      this.#letters.write(open, { ...row, state: "discarded" });
      this.#record(open, "discard", row, act);
      discarded.push(deadLetterId);
    }
    return discarded;
  }

  async edit(tx: MemoryTransaction, ...[id, change, act]: After<Store["edit"]>): Promise<boolean> {
    const open = this.#database.opened(tx);
    const row = await this.#letters.lock(open, id);
    if (row?.state !== "dead") return false;
    this.#letters.write(open, { ...row, envelope: { ...row.envelope, ...change } });
    this.#record(open, "edit", row, act, { before: row.envelope.payload, after: change.payload });
    return true;
  }

  async audit(limit: number, deadLetterId?: number): Promise<readonly AuditRow[]> {
    const rows = [...this.#audit.entries(null)].map(([, row]) => row);
    return rows
      .filter((row) => deadLetterId === undefined || row.deadLetterId === deadLetterId)
      .sort((a, b) => b.auditId - a.auditId)
      .slice(0, limit);
  }

  async takeGiveUp(tx: MemoryTransaction, topic: string): Promise<DueGiveUp | null> {
    const open = this.#database.opened(tx);
    const now = this.#database.now();
    const due = this.#letters
      .all(open)
      .filter((row) => row.group === OUTGOING && row.envelope.topic === topic && row.state === "dead")
      .filter(({ giveUpDueAt }) => giveUpDueAt !== null && giveUpDueAt <= now)
      .sort((a, b) => (a.giveUpDueAt ?? 0) - (b.giveUpDueAt ?? 0));
    const row = due.find((one) => this.#letters.tryLock(open, one));
    return row === undefined ? null : { letter: toLetter(row), attempts: row.giveUpAttempts };
  }

  async gaveUp(tx: MemoryTransaction, deadLetterId: number): Promise<void> {
    const open = this.#database.opened(tx);
    const row = await this.#letters.lock(open, deadLetterId);
    if (row === undefined) return;
    this.#letters.write(open, { ...row, answered: true, giveUpDueAt: null, giveUpError: null });
  }

  async giveUpAgain(tx: MemoryTransaction, ...[id, change]: After<Store["giveUpAgain"]>): Promise<void> {
    const open = this.#database.opened(tx);
    const row = await this.#letters.lock(open, id);
    if (row === undefined) return;
    const giveUpDueAt = change.dueInMs === null ? null : this.#database.now() + change.dueInMs;
    const { attempts: giveUpAttempts, error: giveUpError } = change;
    this.#letters.write(open, { ...row, giveUpDueAt, giveUpAttempts, giveUpError });
  }

  #park(tx: MemoryTransaction, row: DeadLetterRow, dueAt: number): Promise<boolean> {
    const { group, order } = row;
    const envelope = group === OUTGOING ? { ...row.envelope, position: null } : row.envelope;
    const waits = { reason: "delayed", stage: "handle", attempts: 0, error: null, expiresAt: null } as const;
    return this.#parked.parkDelivery(
      tx,
      { group, order, envelope, ...waits, due: { at: dueAt } },
      row.delivery + 1,
    );
  }

  #record(
    open: OpenTransaction,
    act: AuditRow["act"],
    { deadLetterId, group, envelope, delivery }: DeadLetterRow,
    { by, reason }: OperatorAct,
    payloads: Pick<AuditRow, "before" | "after"> = { before: null, after: null },
  ): void {
    const auditId = this.#nextAuditId;
    this.#nextAuditId += 1;
    const message = { deadLetterId, group, topic: envelope.topic, messageId: envelope.id, delivery };
    this.#audit.write(open, auditId, {
      auditId,
      at: this.#database.now(),
      act,
      by,
      reason,
      ...message,
      ...payloads,
    });
  }

  #newest(): DeadLetterRow[] {
    return this.#letters.all(null).sort((a, b) => b.deadLetterId - a.deadLetterId);
  }
}

/** The parameters of a method after the transaction. */
type After<Method> = Method extends (tx: MemoryTransaction, ...rest: infer Rest) => unknown ? Rest : never;

function toLetter(row: DeadLetterRow): DeadLetter {
  const { giveUpDueAt: _dueAt, giveUpAttempts: _attempts, ...letter } = row;
  return letter;
}

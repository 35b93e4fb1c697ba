/** What the parts of the memory storage see of a transaction that they work for. */
export interface Transactional {
  /** @throws WaybillError `NOT_IN_TRANSACTION` when it has ended. */
  assertOpen(): void;
  /** Lets a table take part in the end of this transaction. A table takes part when it is written. */
  enlist(participant: Participant): void;
  /** Runs when the newest writes are undone, newest first. */
  onUndo(action: () => void): void;
  /** Runs when it has committed or rolled back. */
  onEnd(action: () => void): void;
}

/** A table that takes part in transactions. */
export interface Participant {
  /** Makes what `tx` wrote visible to all. */
  commit(tx: Transactional): void;
  forget(tx: Transactional): void;
}

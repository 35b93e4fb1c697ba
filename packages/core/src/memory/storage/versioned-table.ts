import type { Participant, Transactional } from "./participant.ts";

/**
 * Rows by key as READ COMMITTED shows them: what is committed now, and a transaction's own writes. Two transactions
 * must not write one key at a time: writers lock the row first, where the port lets that happen.
 */
export class VersionedTable<K, V extends {} | null> implements Participant {
  readonly #committed = new Map<K, V>();
  /** What open transactions wrote; `undefined` is a deletion. */
  readonly #overlays = new Map<Transactional, Map<K, V | undefined>>();

  read(tx: Transactional | null, key: K): V | undefined {
    const overlay = tx === null ? undefined : this.#overlays.get(tx);
    return overlay?.has(key) === true ? overlay.get(key) : this.#committed.get(key);
  }

  /** Writes for `tx`; `undefined` deletes. */
  write(tx: Transactional, key: K, value: V | undefined): void {
    tx.enlist(this);
    let overlay = this.#overlays.get(tx);
    if (overlay === undefined) {
      overlay = new Map();
      this.#overlays.set(tx, overlay);
    }
    const rows = overlay;
    const existed = rows.has(key);
    const before = rows.get(key);
    tx.onUndo(() => {
      if (existed) rows.set(key, before);
      else rows.delete(key);
    });
    rows.set(key, value);
  }

  /** Writes outside of any transaction, visible at once. */
  writeCommitted(key: K, value: V | undefined): void {
    if (value === undefined) this.#committed.delete(key);
    else this.#committed.set(key, value);
  }

  /** All rows in no order that means anything. */
  *entries(tx: Transactional | null): IterableIterator<[K, V]> {
    const overlay = tx === null ? undefined : this.#overlays.get(tx);
    for (const row of this.#committed) {
      if (overlay?.has(row[0]) !== true) yield row;
    }
    if (overlay === undefined) return;
    for (const [key, value] of overlay) {
      if (value !== undefined) yield [key, value];
    }
  }

  commit(tx: Transactional): void {
    for (const [key, value] of this.#overlays.get(tx) ?? []) this.writeCommitted(key, value);
  }

  forget(tx: Transactional): void {
    this.#overlays.delete(tx);
  }
}

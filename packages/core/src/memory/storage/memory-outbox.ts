import type {
  DedupClaim,
  NewMessage,
  OpenedWindow,
  OutboxRow,
  OutboxStore,
  Snapshot,
  Window,
} from "../../ports/outbox-store.ts";
import type { StorageSettings } from "../../ports/storage-settings.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { MemoryTransaction, OpenTransaction } from "./open-transaction.ts";
import type { SnapshotParts } from "./snapshot.ts";
import { formatSnapshot, isVisible, parseSnapshot } from "./snapshot.ts";
import { VersionedTable } from "./versioned-table.ts";

interface StoredRow extends OutboxRow {
  readonly xid: number;
}

/** The append-only outbox in memory. Rows carry the id of their transaction; windows are read by snapshots. */
export class MemoryOutbox implements OutboxStore<MemoryTransaction> {
  readonly #database: MemoryDatabase;
  /** Everything visible in this snapshot is settled; purging goes no further. */
  readonly #settled: () => Snapshot;
  readonly #server: string;
  readonly #listeners = new Set<() => void>();
  /** Which message has a key, by topic and key. */
  readonly #dedup = new VersionedTable<string, { readonly messageId: string; readonly claimedAt: number }>();
  /** Ascending by `rowId`, rows of open transactions included. */
  #rows: StoredRow[] = [];
  /** The first row of every transaction that wrote one: where the reading of a window may begin. */
  #firstRowIds = new Map<number, number>();
  #nextRowId = 1;

  constructor(database: MemoryDatabase, settled: () => Snapshot) {
    this.#database = database;
    this.#settled = settled;
    this.#server = database.uuid();
  }

  assertTransaction(tx: MemoryTransaction): void {
    this.#database.opened(tx);
  }

  async settings(tx: MemoryTransaction, source: string): Promise<StorageSettings> {
    this.#database.opened(tx);
    return this.#database.settings(source);
  }

  async append(tx: MemoryTransaction, messages: readonly NewMessage[]): Promise<void> {
    const open = this.#database.opened(tx);
    const now = this.#database.now();
    for (const message of messages) this.#insert(open, message, now);
  }

  async claimDedupKeys(tx: MemoryTransaction, claims: readonly DedupClaim[]): Promise<readonly string[]> {
    const open = this.#database.opened(tx);
    const named = claims.map((claim) => ({ claim, name: `dedup ${claim.topic}/${claim.dedupKey}` }));
    for (const name of new Set(named.map((one) => one.name).sort()))
      await this.#database.locks.take(open, name);
    return named.map(({ claim: { messageId }, name }) => {
      const known = this.#dedup.read(open, name);
      if (known !== undefined) return known.messageId;
      this.#dedup.write(open, name, { messageId, claimedAt: this.#database.now() });
      return messageId;
    });
  }

  async forgetDedupKeys(olderThanMs: number, limit: number): Promise<number> {
    const before = this.#database.now() - olderThanMs;
    const old = [...this.#dedup.entries(null)].filter(([, { claimedAt }]) => claimedAt <= before);
    for (const [name] of old.slice(0, limit)) this.#dedup.writeCommitted(name, undefined);
    return Math.min(old.length, limit);
  }

  async lockKeys(
    tx: MemoryTransaction,
    keys: readonly { readonly topic: string; readonly key: string }[],
  ): Promise<void> {
    const open = this.#database.opened(tx);
    const names = new Set(keys.map(({ topic, key }) => `serialize ${topic}/${key}`));
    for (const name of [...names].sort()) await this.#database.locks.take(open, name);
  }

  afterCommit(tx: MemoryTransaction, action: () => void): void {
    this.#database.opened(tx).onCommitted(action);
  }

  async openWindow(from: Snapshot, limit: number): Promise<OpenedWindow> {
    const seen = parseSnapshot(from);
    const to = this.#database.snapshot();
    const rows = this.#between(seen, to, this.#floor(seen, to) - 1, limit);
    return { to: formatSnapshot(to), now: this.#database.now(), rows, server: this.#server };
  }

  async readWindow(window: Window, afterRowId: number, limit: number): Promise<readonly OutboxRow[]> {
    return this.#between(parseSnapshot(window.from), parseSnapshot(window.to), afterRowId, limit);
  }

  async nudge(): Promise<void> {
    for (const listener of this.#listeners) listener();
  }

  async onNudge(listener: () => void): Promise<() => Promise<void>> {
    const own = (): void => listener();
    this.#listeners.add(own);
    return async () => {
      this.#listeners.delete(own);
    };
  }

  async purge(olderThanMs: number): Promise<number> {
    const settled = parseSnapshot(this.#settled());
    const before = this.#database.now() - olderThanMs;
    const kept = this.#rows.filter((row) => !isVisible(row.xid, settled) || row.envelope.createdAt > before);
    const freed = kept.length < this.#rows.length ? 1 : 0;
    this.#rows = kept;
    this.#firstRowIds = new Map(kept.toReversed().map((row) => [row.xid, row.rowId]));
    return freed;
  }

  #insert(open: OpenTransaction, message: NewMessage, now: number): void {
    const rowId = this.#nextRowId;
    this.#nextRowId += 1;
    const { deliverAt, deliverInMs, expiresAt, payload, headers, ...named } = message;
    const { xid } = open;
    if (!this.#firstRowIds.has(xid)) this.#firstRowIds.set(xid, rowId);
    this.#rows.push({
      rowId,
      xid,
      envelope: {
        ...named,
        source: this.#database.source,
        headers: { ...headers },
        payload: payload.slice(),
        createdAt: now,
        position: null,
      },
      deliverAt: deliverInMs === null ? deliverAt : now + deliverInMs,
      expiresAt,
    });
    open.onUndo(() => this.#rows.splice(this.#firstAfter(rowId - 1), 1));
  }

  /** The rows visible in `to` and not in `from`, ascending by `rowId`. */
  #between(from: SnapshotParts, to: SnapshotParts, afterRowId: number, limit: number): readonly OutboxRow[] {
    const found: OutboxRow[] = [];
    for (let at = this.#firstAfter(afterRowId); at < this.#rows.length && found.length < limit; at += 1) {
      const row = this.#rows[at];
      if (row === undefined || !isVisible(row.xid, to) || isVisible(row.xid, from)) continue;
      found.push({
        rowId: row.rowId,
        envelope: row.envelope,
        deliverAt: row.deliverAt,
        expiresAt: row.expiresAt,
      });
    }
    return found;
  }

  /** No row of a transaction that is new in `to` lies below this id. */
  #floor(from: SnapshotParts, to: SnapshotParts): number {
    let floor = this.#nextRowId;
    for (const xid of from.inProgress) floor = Math.min(floor, this.#firstRowIds.get(xid) ?? floor);
    for (let xid = from.xmax; xid < to.xmax; xid += 1)
      floor = Math.min(floor, this.#firstRowIds.get(xid) ?? floor);
    return floor;
  }

  /** Index of the first row with a higher id. */
  #firstAfter(rowId: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#rows[middle]?.rowId ?? Number.POSITIVE_INFINITY) <= rowId) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

import type { Envelope } from "../message/envelope.ts";
import type { StorageSettings } from "./storage-settings.ts";

/** A message that is about to be recorded. */
export interface NewMessage {
  readonly id: string;
  readonly topic: string;
  readonly version: number;
  readonly key: string | null;
  readonly partition: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly payload: Uint8Array;
  /** Not before this, milliseconds since the epoch by the database's clock. */
  readonly deliverAt: number | null;
  /** Not before this many milliseconds after now, by the database's clock. */
  readonly deliverInMs: number | null;
  /** Not published for the first time after this, milliseconds since the epoch by the database's clock. */
  readonly expiresAt: number | null;
}

/** A committed message as the relay reads it: no position yet. */
export interface OutboxRow {
  /** Place in the outbox: grows with the order of sends, has gaps. */
  readonly rowId: number;
  /** `position` is null. */
  readonly envelope: Envelope;
  readonly deliverAt: number | null;
  readonly expiresAt: number | null;
}

/** An opaque database snapshot: which transactions had committed. */
export type Snapshot = string;

/** The outbox rows that are visible in `to` and were not in `from`. */
export interface Window {
  readonly from: Snapshot;
  readonly to: Snapshot;
}

/** The first rows of a window that was just opened. */
export interface OpenedWindow {
  readonly to: Snapshot;
  /** The database's clock when it was opened, milliseconds since the epoch. Decides what is delayed or expired. */
  readonly now: number;
  /** Ordered by `rowId`, at most `limit`; exactly `limit` means that there may be more. */
  readonly rows: readonly OutboxRow[];
  /**
   * Which run of which server answered. A cursor that moved in memory only is worth nothing once this changed:
   * a server that crashed or was replaced uses transaction ids again.
   */
  readonly server: string;
}

/** A message that is recorded only if no other with its key is. */
export interface DedupClaim {
  readonly topic: string;
  readonly dedupKey: string;
  readonly messageId: string;
}

/** The append-only outbox. */
export interface OutboxStore<Tx> {
  /**
   * Refuses whatever is not an open transaction, without a round trip.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION`
   */
  assertTransaction(tx: Tx): void;
  /**
   * The settings of the schema, checked against `source` through the transaction's own connection (so that a pool of
   * one suffices) the first time, from memory and at once afterwards.
   *
   * @throws WaybillError like `Storage.check`
   */
  settings(tx: Tx, source: string): StorageSettings | Promise<StorageSettings>;
  /** Records messages in one statement: they exist if and only if `tx` commits. */
  append(tx: Tx, messages: readonly NewMessage[]): Promise<void>;
  /**
   * Answers for each claim the id of the message that has its key: its own if it is the first, and from then on. Waits
   * for open transactions that claimed the same key; if they roll back, the claim is the first. Undone with `tx`.
   */
  claimDedupKeys(tx: Tx, claims: readonly DedupClaim[]): Promise<readonly string[]>;
  /** Forgets keys claimed at least `olderThanMs` ago, at most `limit`; answers how many. */
  forgetDedupKeys(olderThanMs: number, limit: number): Promise<number>;
  /** Makes `tx` wait for every open transaction that locked one of these keys, and holds them until it ends. */
  lockKeys(tx: Tx, keys: readonly { readonly topic: string; readonly key: string }[]): Promise<void>;
  /** Calls `action` after `tx` committed, if the storage can tell; never after a rollback. A hint, nothing more. */
  afterCommit(tx: Tx, action: () => void): void;

  /** Opens the window from `from` to now and reads its first rows, in one statement with one snapshot. */
  openWindow(from: Snapshot, limit: number): Promise<OpenedWindow>;
  /** The rows of a window after `afterRowId`, ordered by `rowId`, at most `limit`. */
  readWindow(window: Window, afterRowId: number, limit: number): Promise<readonly OutboxRow[]>;

  /** Tells relays in other processes that something committed. A hint: losing it costs milliseconds. */
  nudge(): Promise<void>;
  /** Calls `listener` on nudges from other processes until the answer is called. May deliver nothing at all. */
  onNudge(listener: () => void): Promise<() => Promise<void>>;
  /**
   * Frees the space of messages that are settled and older than `olderThanMs`, in whole tables, without waiting for
   * or blocking any producer. Answers how many tables it emptied; what cannot be freed now is left for later.
   */
  purge(olderThanMs: number): Promise<number>;
}

import type { Cancellation } from "@waybill/core";
import type { First } from "./open-transaction.ts";
import type { Connection, Row, SqlConnection } from "./run.ts";

interface OpenedOptions {
  readonly signal?: Cancellation | undefined;
  readonly onCommit?: (() => void) | undefined;
}

/** A connection that was taken out of the pool. */
export interface Reserved {
  readonly connection: Connection;
  readonly giveBack: (sound: boolean) => Promise<void>;
}

/** How one driver hands out connections and runs transactions; everything above it is the same for all. */
export interface Database<Tx> {
  readonly name: string;
  /** How many connections the pool may open. */
  readonly connectionsMax: number;
  /**
   * Runs `work` on a connection of its own, outside any transaction. A connection that broke is destroyed.
   *
   * @throws WaybillError `STORAGE_UNAVAILABLE` when no connection can be had
   */
  connected<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Takes a connection out of the pool for long. Given back sound, it serves others; else it is destroyed. */
  reserve(): Promise<Reserved>;
  /** @throws WaybillError `NOT_IN_TRANSACTION` */
  assertTransaction(tx: Tx): void;
  /** The connection of an open transaction, at once if it is known. @throws WaybillError `NOT_IN_TRANSACTION` */
  connectionOf(tx: Tx): Connection | SqlConnection | Promise<Connection | SqlConnection>;
  /** When `signal` aborts before `work` settled, the connection is destroyed, and this rejects with its reason. */
  transaction<T>(work: (tx: Tx) => Promise<T>, signal?: Cancellation): Promise<T>;
  /**
   * Like `transaction`, with a first statement, whose rows `work` gets, and a savepoint behind it, which is what the first
   * `savepoint` of `work` uses. As few round trips as the driver can; `onCommit` is that of `Storage.claimed`.
   */
  opened<T>(
    first: First,
    work: (tx: Tx, rows: readonly Row[]) => Promise<T>,
    options?: OpenedOptions,
  ): Promise<T>;
  /** Like `Storage.savepoint`; `signal` is heeded in transactions that were begun here. */
  savepoint<T>(tx: Tx, work: (tx: Tx) => Promise<T>, signal?: Cancellation): Promise<T>;
  afterCommit(tx: Tx, action: () => void): void;
}

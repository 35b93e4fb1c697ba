import { WaybillError } from "../../errors/waybill-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { StorageSettings } from "../../ports/storage-settings.ts";
import { OpenTransaction, type MemoryTransaction, type TransactionHome } from "./open-transaction.ts";
import { Part } from "./part.ts";
import { RowLocks } from "./row-locks.ts";
import type { SnapshotParts } from "./snapshot.ts";
import { VersionedTable } from "./versioned-table.ts";

/** What the parts of the memory storage share: transactions, locks, the clock and the settings. */
export class MemoryDatabase implements TransactionHome {
  readonly clock: Clock;
  readonly random: Random;
  readonly locks = new RowLocks();
  readonly rows = new VersionedTable<string, {} | null>();
  readonly #partitions: number;
  readonly #running = new Set<number>();
  #source: string | null;
  #nextXid = 1;

  constructor(options: { clock: Clock; random: Random; source: string | null; partitions: number }) {
    this.clock = options.clock;
    this.random = options.random;
    this.#source = options.source;
    this.#partitions = options.partitions;
  }

  /** The database's clock, milliseconds since the epoch. */
  now(): number {
    return this.clock.now();
  }

  begin(): OpenTransaction {
    return new OpenTransaction(this);
  }

  /**
   * The inside of a transaction of this database.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION` when it is none, has ended, or belongs to another storage.
   */
  opened(tx: MemoryTransaction): OpenTransaction {
    if (tx instanceof Part) return this.opened(tx.whole);
    if (!(tx instanceof OpenTransaction) || tx.database !== this) {
      throw new WaybillError(
        "NOT_IN_TRANSACTION",
        "This is no transaction of this memory storage: use the one that storage.transaction() gives to its callback.",
      );
    }
    tx.assertOpen();
    return tx;
  }

  startXid(): number {
    const xid = this.#nextXid;
    this.#nextXid += 1;
    this.#running.add(xid);
    return xid;
  }

  endXid(xid: number): void {
    this.#running.delete(xid);
  }

  snapshot(): SnapshotParts {
    const inProgress = new Set(this.#running);
    return { xmin: Math.min(this.#nextXid, ...inProgress), xmax: this.#nextXid, inProgress };
  }

  /** A UUIDv4. */
  uuid(): string {
    const bytes = this.random.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  /** The source that this storage belongs to. */
  get source(): string {
    if (this.#source !== null) return this.#source;
    throw new WaybillError(
      "SOURCE_MISMATCH",
      "This memory storage has no source yet: give memoryStorage({ source }) or call check(source) first.",
    );
  }

  /** The settings; a storage made without a source takes the first that asks. */
  settings(source: string): StorageSettings {
    this.#source ??= source;
    if (this.#source !== source) {
      throw new WaybillError(
        "SOURCE_MISMATCH",
        `This storage belongs to the source "${this.#source}", not to "${source}". Give every source its own storage.`,
      );
    }
    return { source, partitions: this.#partitions };
  }
}

import type { Cancellation } from "./cancellation.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import type { Claim, ClaimRequest, InboxStore } from "./inbox-store.ts";
import type { JobStore } from "./job-store.ts";
import type { OutboxStore } from "./outbox-store.ts";
import type { ParkedStore } from "./parked-store.ts";
import type { RelayStore } from "./relay-store.ts";
import type { SqlTransaction } from "./sql-transaction.ts";
import type { StorageSettings } from "./storage-settings.ts";

/**
 * The port to the user's database. It owns transactions and hands out the parts. All methods that take a `tx` work
 * inside that transaction and nowhere else; all others are transactions of their own.
 *
 * Methods throw `STORAGE_UNAVAILABLE` (retryable) when the database cannot be reached, `TRANSACTION_CONFLICT` when the
 * whole transaction has to be run again, and `STORAGE_FAILED` when it refused a statement, the driver's error as `cause`.
 *
 * `Tx` is the kind of transaction that the storage begins. What records something takes other libraries' ones too.
 */
export interface Storage<Tx> extends AsyncDisposable {
  readonly name: string;
  readonly outbox: OutboxStore<Tx | SqlTransaction>;
  readonly relay: RelayStore;
  readonly parked: ParkedStore<Tx>;
  readonly inbox: InboxStore<Tx | SqlTransaction>;
  readonly deadLetters: DeadLetterStore<Tx>;
  readonly jobs: JobStore;
  /**
   * Checks that the database can serve this source: reachable, migrated, owned by `source`, safe settings.
   *
   * @throws WaybillError `STORAGE_UNAVAILABLE`, `MIGRATIONS_MISSING`, `MIGRATIONS_OUTDATED`, `SOURCE_MISMATCH`,
   * `SCHEMA_UNSAFE`; each says what to do.
   */
  check(source: string): Promise<StorageSettings>;
  /**
   * Runs `work` in a transaction of the storage's own at READ COMMITTED: committed when it resolves, rolled back
   * when it rejects.
   *
   * When `signal` aborts before `work` has settled, the transaction is given up at once: its connection is destroyed and
   * never used for anything else, whoever goes on using `tx` gets an error, and this rejects with the signal's reason.
   *
   * @throws WaybillError `COMMIT_UNKNOWN` when the connection was lost during COMMIT: the effects may or may not exist.
   */
  transaction<T>(
    work: (tx: Tx) => Promise<T>,
    options?: { readonly signal?: Cancellation | undefined },
  ): Promise<T>;
  /**
   * Like `transaction`, beginning with `inbox.claim(tx, request)`, whose answer `work` gets: in as few round trips as the
   * storage can, the first `savepoint` of `work` included.
   *
   * `onCommit` may be called once when `work` has resolved, before the outcome of COMMIT is known: a transaction that is
   * begun in answer to it, by `claimed`, can share a round trip with the COMMIT. A storage that gains nothing by that
   * never calls it.
   */
  claimed<T>(
    request: ClaimRequest,
    work: (tx: Tx, claim: Claim) => Promise<T>,
    options?: { readonly signal?: Cancellation | undefined; readonly onCommit?: (() => void) | undefined },
  ): Promise<T>;
  /**
   * Runs `work` in a savepoint of `tx`: when it rejects, its effects are undone and `tx` remains usable. Also of other
   * libraries' transactions, where `signal` is not heeded.
   *
   * When `signal` aborts before `work` has settled, a statement that is under way is cancelled, the effects are undone
   * and this rejects with the signal's reason. `tx` remains usable and keeps its locks, while whoever goes on using what
   * `work` was given gets an error; the connection is destroyed when `tx` has ended. If it cannot be had back within
   * seconds, the whole transaction is given up, as with the signal of `transaction`; then this never settles.
   */
  savepoint<T>(
    tx: Tx,
    work: (tx: Tx) => Promise<T>,
    options?: { readonly signal?: Cancellation },
  ): Promise<T>;
}

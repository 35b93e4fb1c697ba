import type { NewDeadLetter } from "./dead-letter-store.ts";
import type { Snapshot, Window } from "./outbox-store.ts";
import type { NewParked } from "./parked-store.ts";

/** The right to publish one outbox. */
export interface Lease {
  readonly owner: string;
  /** Grows with every takeover; a lower one may change nothing. */
  readonly epoch: number;
  /** UUID of the history that positions belong to. */
  readonly incarnation: string;
  /** Why the incarnation was renewed with this lease; `null` when it was not. */
  readonly renewedBecause: string | null;
}

export type LeaseAnswer =
  | { readonly kind: "acquired"; readonly lease: Lease }
  | { readonly kind: "held"; readonly owner: string; readonly epoch: number; readonly expiresInMs: number };

/** A window that is being published. */
export interface OpenWindow extends Window {
  /** Its `now`, milliseconds since the epoch. */
  readonly now: number;
  /** Rows up to this `rowId` are settled. */
  readonly lastRowId: number;
}

/** How far a relay came: enough for its successor to read the same rows and give every message the same position. */
export interface Progress {
  /** Everything visible in this snapshot is settled. */
  readonly from: Snapshot;
  /** The window in work, `null` between windows. */
  readonly window: OpenWindow | null;
  /** The next sequence of every `topic/partition` that has one. */
  readonly sequences: ReadonlyMap<string, number>;
}

/**
 * A change of one outgoing parked message: it was published and goes; it has its position from now on; it was refused
 * once more and waits as a `retry`, whatever it waited for before; or it goes and becomes a dead letter.
 */
export type ParkedChange =
  | { readonly kind: "published"; readonly parkedId: number }
  | { readonly kind: "position"; readonly parkedId: number; readonly sequence: number }
  | {
      readonly kind: "again";
      readonly parkedId: number;
      readonly attempts: number;
      readonly dueInMs: number;
      readonly error: string;
    }
  | { readonly kind: "dead"; readonly parkedId: number; readonly letter: NewDeadLetter };

/** One step of the relay, applied as a whole or not at all. */
export interface RelayStep {
  readonly from: Snapshot;
  readonly window: OpenWindow | null;
  /** Only the sequences that moved since the last step, keyed `topic/partition`. */
  readonly sequences: ReadonlyMap<string, number>;
  readonly park: readonly NewParked[];
  readonly dead: readonly NewDeadLetter[];
  readonly parked: readonly ParkedChange[];
}

/** The lease of the relay and its progress. Only the database's clock decides about leases. */
export interface RelayStore {
  /**
   * Takes the lease when it is free, expired, or already `owner`'s: the epoch grows by one. Renews the incarnation
   * when the database is not the one that the lease was written in (another cluster, timeline, or a logical copy),
   * or when `rebase` asked for it.
   */
  acquire(owner: string, leaseMs: number): Promise<LeaseAnswer>;
  /** Extends the lease; `false` when somebody else took it. */
  renew(lease: Lease, leaseMs: number): Promise<boolean>;
  /** Gives the lease back so that a standby need not wait. */
  release(lease: Lease): Promise<void>;
  /** Whether the lease is still this epoch's and not expired. */
  verify(lease: Lease): Promise<boolean>;
  /**
   * Gives the lease back, and has the next `acquire` renew the incarnation for this reason: positions start anew, and
   * what is not settled is published under them. Changes nothing when the lease was lost.
   */
  rebase(lease: Lease, because: string): Promise<void>;
  /** The newest progress; for a new outbox, or a renewed incarnation, one from which nothing is skipped. */
  load(lease: Lease): Promise<Progress>;
  /**
   * Applies a step in one statement, durable when it resolves (also where the database runs with asynchronous
   * commit). Answers `false`, having changed nothing, when the lease has passed to a higher epoch, or the database has
   * crashed since the lease was taken: what the relay remembers is worth nothing then.
   */
  apply(lease: Lease, step: RelayStep): Promise<boolean>;
}

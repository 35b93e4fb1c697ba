import type { Envelope } from "../message/envelope.ts";

/**
 * What the inbox answers to a claim.
 *
 * | answer      | meaning                                                                               |
 * |-------------|---------------------------------------------------------------------------------------|
 * | `claimed`   | first time: the record stands if the transaction commits                              |
 * | `conflict`  | claimed by its id, but its position is known with another id: somebody should look    |
 * | `duplicate` | the group applied it before                                                           |
 * | `parked`    | the group parked it before, and will run it from there                                |
 * | `behind`    | an earlier message of its key is parked; nothing was recorded                         |
 */
export type Claim = "claimed" | "conflict" | "duplicate" | "parked" | "behind";

export interface ClaimRequest {
  readonly group: string;
  readonly envelope: Envelope;
  /**
   * `true` in `blocking` order: takes the lock of (group, topic, key) until the transaction ends, and answers
   * `behind` when an earlier message of the key is parked.
   */
  readonly ordered: boolean;
  /** The parked row that is being run now, which is no reason to wait. */
  readonly parkedId: number | null;
  /**
   * Default 0, the normal delivery. A retried dead letter is claimed under (group, message, number) alone: that the
   * group has applied the message before, or knows its position, does not matter then.
   */
  readonly delivery?: number;
}

/** A claim of a message that was delivered, not run from where it was parked. */
export type FirstClaim = Pick<ClaimRequest, "group" | "envelope" | "ordered">;

/** What the inbox answers when a message is recorded by its id alone. */
export type Recorded =
  | { readonly first: true }
  /** The group applied it before; `result` is what was kept then, `null` if nothing was. */
  | { readonly first: false; readonly result: string | null };

/** The record that a group has applied a message. */
export interface InboxStore<Tx> {
  /** Records that the group applies this message in `tx`. Concurrent claims of one message wait for each other. */
  claim(tx: Tx, request: ClaimRequest): Promise<Claim>;
  /** Like `claim` for one after another, in this order, in one round trip. For first deliveries of one group only. */
  claimMany(tx: Tx, requests: readonly FirstClaim[]): Promise<readonly Claim[]>;
  /** Takes a claim back within its transaction, because the message was not applied but parked. */
  unclaim(tx: Tx, group: string, messageId: string, delivery?: number): Promise<void>;
  /**
   * Counts, in a transaction of its own, that the handler of a message which was delivered before is about to run again,
   * and answers how often that has been counted: 1 for the first time, 0 (nothing is counted) for a message that the
   * group has applied or parked. One that was counted before may kill the process: it is counted only if it runs
   * `alone`, else the answer is `null`. The last counts may be lost when the database crashes.
   */
  start(group: string, messageId: string, alone: boolean): Promise<number | null>;
  /** Takes back one start that the process survived, in a transaction of its own. */
  unstart(group: string, messageId: string): Promise<void>;
  /** Forgets all starts of a message: it is settled. */
  forgetStarts(tx: Tx, group: string, messageId: string): Promise<void>;
  /**
   * Records by its id alone, any text, that the group applies a message in `tx`. Concurrent records of one message wait
   * for each other. The record is the same as that of a claim with this id, but says nothing about positions.
   */
  record(tx: Tx, group: string, messageId: string): Promise<Recorded>;
  /** Keeps a result with the record of this transaction. */
  keepResult(tx: Tx, group: string, messageId: string, result: string): Promise<void>;
  /**
   * Deletes records without a position that are older than `olderThanMs`, at most `limit`, oldest first; answers how
   * many. Afterwards such a message would be applied again. Counts of starts that are as old go along.
   */
  forget(olderThanMs: number, limit: number): Promise<number>;
  /** Moves records older than `olderThanMs` into ranges of positions, at most `limit`; answers how many. */
  fold(olderThanMs: number, limit: number): Promise<number>;
}

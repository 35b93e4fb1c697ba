import type { Envelope } from "../message/envelope.ts";
import type { OrderMode } from "../message/topic.ts";

/** The `group` of messages that wait to be published by the relay. */
export const OUTGOING = "";

/**
 * Why a message waits.
 *
 * | reason    | waits for                                        | later ones of its key, in `blocking` order |
 * |-----------|--------------------------------------------------|--------------------------------------------|
 * | `delayed` | its time                                         | pass                                       |
 * | `retry`   | its next attempt                                 | wait                                       |
 * | `behind`  | an earlier one of its key, then runs at once     | wait                                       |
 * | `unknown` | a process that knows its topic and version       | wait                                       |
 * | `void`    | the announcement that its position stays empty   | pass                                       |
 */
export type ParkedReason = "delayed" | "retry" | "behind" | "unknown" | "void";

/** What runs when a parked message of a group is due. */
export type ParkedStage = "handle" | "compensate";

/** A message that is about to be parked. */
export interface NewParked {
  /** Consumer group, or `OUTGOING`. */
  readonly group: string;
  readonly envelope: Envelope;
  readonly reason: ParkedReason;
  readonly stage: ParkedStage;
  readonly order: OrderMode;
  /** Failed attempts so far. */
  readonly attempts: number;
  /** Due at this time by the database's clock (milliseconds since the epoch), or after this many milliseconds. */
  readonly due: { readonly at: number } | { readonly inMs: number };
  /** What went wrong last, for a person. */
  readonly error: string | null;
  /** Outgoing messages that were never published may expire. Milliseconds since the epoch. */
  readonly expiresAt: number | null;
}

/** A message that waits. */
export interface Parked {
  readonly parkedId: number;
  readonly group: string;
  readonly envelope: Envelope;
  readonly reason: ParkedReason;
  readonly stage: ParkedStage;
  readonly order: OrderMode;
  readonly attempts: number;
  readonly error: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  /** When it was parked first, milliseconds since the epoch. */
  readonly parkedAt: number;
  /** 0 for the normal delivery; 1, 2, … for a dead letter that is retried, under which the inbox claims it. */
  readonly delivery: number;
}

/** A parked message that is about to run. */
export interface ParkedStart {
  readonly parkedId: number;
  /** `null` when nothing was counted, because it must run alone. */
  readonly starts: number | null;
}

/** Messages that wait outside the hot path: in the group's own order per key, unique per (group, message). */
export interface ParkedStore<Tx> {
  /**
   * Outgoing messages that are due now, expired ones included, in the order in which they were parked, only the first
   * of each (topic, key) that is in `blocking` order.
   */
  dueOutgoing(limit: number): Promise<{ readonly now: number; readonly parked: readonly Parked[] }>;
  /** The `topic/key` of every outgoing message behind which later ones of its key must wait. */
  blockedOutgoing(): Promise<ReadonlySet<string>>;

  /** Parks a message of a group; a second time for the same (group, message) changes nothing. */
  park(tx: Tx, parked: NewParked): Promise<void>;
  /**
   * Counts, in a transaction of its own, that the message which `takeDue` would take now is about to run, and answers how
   * often that has been counted since it was parked. One that was counted before may kill the process: it is counted
   * only if it runs `alone`, else `starts` is `null`. Answers `null` when nothing is due. The last counts may be lost
   * when the database crashes.
   */
  start(group: string, alone: boolean): Promise<ParkedStart | null>;
  /** Takes back one start: the message did not run, or the process survived it. In a transaction of its own. */
  unstart(parkedId: number): Promise<void>;
  /**
   * Locks the next due message of `group` that may run (first of its key in `blocking` order, not locked by another
   * process) until `tx` ends; no other than `parkedId` if that is given. Answers `null` when nothing is due.
   */
  takeDue(tx: Tx, group: string, parkedId?: number): Promise<Parked | null>;
  /** It ran: a retried dead letter has recovered. If it died again, `bury` follows in the same transaction. */
  remove(tx: Tx, parkedId: number): Promise<void>;
  /** It failed once more, and waits again at its old place of its key. */
  again(
    tx: Tx,
    parkedId: number,
    change: {
      readonly stage: ParkedStage;
      readonly reason: ParkedReason;
      readonly attempts: number;
      readonly dueInMs: number;
      readonly error: string;
    },
  ): Promise<void>;
  /** How many wait, by group and reason. Bounded work: counts at most `limit` rows. */
  count(
    limit: number,
  ): Promise<readonly { readonly group: string; readonly reason: ParkedReason; readonly count: number }[]>;
}

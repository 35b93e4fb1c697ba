import type { Envelope } from "../message/envelope.ts";
import type { OrderMode } from "../message/topic.ts";
import type { AuditRow, OperatorAct } from "./dead-letter-audit.ts";

/**
 * What has become of a message that died.
 *
 * | state       | meaning                                                      | leaves it by                  |
 * |-------------|--------------------------------------------------------------|-------------------------------|
 * | `dead`      | waits for a person                                           | retry, discard                |
 * | `retrying`  | parked again under its next delivery number                  | being applied, or dying again |
 * | `recovered` | a retry applied it, or published it                          |                               |
 * | `discarded` | a person decided that nothing is to be done                  | retry of this very letter     |
 */
export type DeadLetterState = "dead" | "retrying" | "recovered" | "discarded";

/** A message that is about to be given up. */
export interface NewDeadLetter {
  /** Consumer group, or `OUTGOING` when it could not be published. */
  readonly group: string;
  readonly envelope: Envelope;
  /** How it orders with others of its key when it is retried. */
  readonly order: OrderMode;
  /** Failed attempts since it was sent, or since it was retried last. */
  readonly attempts: number;
  /** Why, short: an error code or name. */
  readonly reason: string;
  /** The error with its stack and causes. */
  readonly error: string;
  /** The same for failures that are equal but for their numbers, ids and quoted values; see `fingerprintOf`. */
  readonly fingerprint: string;
  /** When it failed or was parked first, milliseconds since the epoch; `null` for now. */
  readonly failingSince: number | null;
  /** A compensation answered the failure in the same transaction. */
  readonly answered: boolean;
}

/** A message that used up its attempts or cannot be handled: one per group and message. Never deleted by itself. */
export interface DeadLetter extends NewDeadLetter {
  readonly deadLetterId: number;
  readonly state: DeadLetterState;
  /** How often it was retried; a retry is delivered under this number. */
  readonly delivery: number;
  /** How often it died. */
  readonly deaths: number;
  /** Failed attempts of all its lives. */
  readonly attemptsTotal: number;
  /** Milliseconds since the epoch. */
  readonly failingSince: number;
  /** When it died last, milliseconds since the epoch. */
  readonly diedAt: number;
  /** The failure was answered, by a compensation or by the topic's `onGiveUp` handler. It happens once per letter. */
  readonly answered: boolean;
  /** Why the topic's `onGiveUp` handler failed last; `null` when it did not. */
  readonly giveUpError: string | null;
}

/** Which dead letters are meant. What is left out does not matter. */
export interface DeadLetterFilter {
  readonly id?: number;
  readonly group?: string;
  readonly topic?: string;
  readonly fingerprint?: string;
  readonly states?: readonly DeadLetterState[];
  readonly answered?: boolean;
}

/** A dead letter as it was when somebody chose it: with another delivery number it is chosen no longer. */
export interface ChosenLetter {
  readonly deadLetterId: number;
  readonly delivery: number;
}

/** Dead letters that failed in the same way. */
export interface FailureGroup {
  readonly fingerprint: string;
  readonly group: string;
  readonly topic: string;
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly failingSince: number;
  /** Milliseconds since the epoch. */
  readonly lastDiedAt: number;
  /** The newest of them. */
  readonly example: {
    readonly deadLetterId: number;
    readonly messageId: string;
    readonly key: string | null;
    readonly reason: string;
    readonly error: string;
  };
}

/** A message that was given up and whose `onGiveUp` handler is to run. */
export interface DueGiveUp {
  readonly letter: DeadLetter;
  /** Failed attempts of the handler so far. */
  readonly attempts: number;
}

export interface DeadLetterStore<Tx> {
  /**
   * Records a message as dead. One that died before in its group is the same dead letter: it is `dead` again, counted
   * once more, its attempts added up.
   */
  bury(tx: Tx, letter: NewDeadLetter): Promise<void>;
  /** The newest first, at most `limit`, those before `beforeId` when that is given. */
  list(limit: number, filter?: DeadLetterFilter, beforeId?: number): Promise<readonly DeadLetter[]>;
  /** The `dead` ones by fingerprint, the most frequent first. Bounded work: looks at the newest `limit` letters. */
  groups(limit: number): Promise<readonly FailureGroup[]>;
  /** Whether the failure of a message was answered in an earlier life. */
  wasAnswered(tx: Tx, group: string, messageId: string): Promise<boolean>;

  /**
   * Chooses letters for an act, at most `limit`: per (group, topic, key) in the order of their positions, else of
   * their sending. `now` is the database's clock, milliseconds since the epoch.
   */
  choose(
    filter: DeadLetterFilter,
    limit: number,
  ): Promise<{ readonly now: number; readonly chosen: readonly ChosenLetter[] }>;
  /**
   * Parks the chosen messages again, in this order, each under its next delivery number and due at `dueAt`, and records
   * the act. Skips those that are `dead` or `discarded` no longer, were chosen under another delivery number, or whose
   * message is parked anyway. Answers the ids of those that it parked.
   */
  retry(
    tx: Tx,
    chosen: readonly (ChosenLetter & { readonly dueAt: number })[],
    act: OperatorAct & { readonly answeredToo: boolean },
  ): Promise<readonly number[]>;
  /** Makes those of the chosen ones that are still `dead` `discarded`, and records the act. Answers their ids. */
  discard(tx: Tx, chosen: readonly ChosenLetter[], act: OperatorAct): Promise<readonly number[]>;
  /** Gives a `dead` letter another payload, and records the act with both. `false` when it is not `dead`. */
  edit(
    tx: Tx,
    deadLetterId: number,
    change: { readonly payload: Uint8Array; readonly contentType: string; readonly version: number },
    act: OperatorAct,
  ): Promise<boolean>;
  /** What operators did, the newest first, at most `limit`; of one letter when that is given. */
  audit(limit: number, deadLetterId?: number): Promise<readonly AuditRow[]>;

  /** Locks the next dead outgoing letter of `topic` whose `onGiveUp` handler is due until `tx` ends. */
  takeGiveUp(tx: Tx, topic: string): Promise<DueGiveUp | null>;
  /** The handler ran: the failure is answered. */
  gaveUp(tx: Tx, deadLetterId: number): Promise<void>;
  /** The handler failed and runs again in `dueInMs`, or never when that is `null`. */
  giveUpAgain(
    tx: Tx,
    deadLetterId: number,
    change: { readonly attempts: number; readonly dueInMs: number | null; readonly error: string },
  ): Promise<void>;
}

import type { Envelope } from "../message/envelope.ts";

/** A message that is about to be given up. */
export interface NewDeadLetter {
  /** Consumer group, or `OUTGOING` when it could not be published. */
  readonly group: string;
  readonly envelope: Envelope;
  readonly attempts: number;
  /** Why, short: an error code or name. */
  readonly reason: string;
  /** The error with its stack. */
  readonly error: string;
}

/** A message that used up its attempts or cannot be handled. Never deleted by itself. */
export interface DeadLetter extends NewDeadLetter {
  readonly deadLetterId: number;
  /** Milliseconds since the epoch. */
  readonly diedAt: number;
}

export interface DeadLetterStore<Tx> {
  bury(tx: Tx, letter: NewDeadLetter): Promise<void>;
  /** The newest dead letters first, at most `limit`. */
  list(limit: number): Promise<readonly DeadLetter[]>;
}

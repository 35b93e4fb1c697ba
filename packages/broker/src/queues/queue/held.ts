import type { Content } from "../records/content-record.ts";

/** Expires unless somebody takes it at once. */
export const EXPIRES_AT_ONCE = 0;

/** One message of one queue outside its index: near its head, unsettled, or on its way out. */
export class Held {
  readonly offset: number;
  readonly isTransient: boolean;
  /** `null`: only in the log. */
  content: Content | null = null;
  isRedelivered: boolean;
  /** How often it was given back. */
  returns = 0;
  /** Size of the body; known while the content is here, or where the queue is limited in bytes. */
  bytes = 0;
  /** What it takes in the log; 0 while that is not known. */
  storedBytes = 0;
  /** By the wall clock; known while the content is here. */
  expiresAt = Infinity;

  constructor(offset: number, isTransient: boolean, isRedelivered: boolean) {
    this.offset = offset;
    this.isTransient = isTransient;
    this.isRedelivered = isRedelivered;
  }
}

import type { Content } from "../records/content-record.ts";

/** One message of one queue outside its index: near its head, unsettled, or on its way out. */
export class Held {
  readonly offset: number;
  readonly isTransient: boolean;
  /** `null`: only in the log. */
  content: Content | null;
  isRedelivered: boolean;
  /** How often it was given back. */
  returns: number;

  constructor(offset: number, isTransient: boolean, content: Content | null, isRedelivered: boolean) {
    this.offset = offset;
    this.isTransient = isTransient;
    this.content = content;
    this.isRedelivered = isRedelivered;
    this.returns = 0;
  }
}

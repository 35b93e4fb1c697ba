/** A handler throws this to be run again after `afterMs`, whatever the retry policy says. It still counts as an attempt. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly afterMs: number;

  constructor(afterMs: number, reason = "the handler asked to be run later") {
    super(reason);
    this.afterMs = afterMs;
  }
}

/** A handler throws this when no retry can help: the message becomes a dead letter now, after its compensation. */
export class Unprocessable extends Error {
  override readonly name = "Unprocessable";
}

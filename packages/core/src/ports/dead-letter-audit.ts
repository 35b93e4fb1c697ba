/** Who does something to dead letters, and why. */
export interface OperatorAct {
  readonly by: string;
  readonly reason: string | null;
}

/** One thing that was done to one dead letter, recorded in the same transaction. Never changed or deleted. */
export interface AuditRow extends OperatorAct {
  readonly auditId: number;
  readonly act: "retry" | "discard" | "edit";
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly deadLetterId: number;
  readonly group: string;
  readonly topic: string;
  readonly messageId: string;
  /** The delivery number after the act. */
  readonly delivery: number;
  /** The payload before and after an edit. */
  readonly before: Uint8Array | null;
  readonly after: Uint8Array | null;
}

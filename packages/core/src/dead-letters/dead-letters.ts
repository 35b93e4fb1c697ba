import type { z } from "zod";
import type { AuditRow } from "../ports/dead-letter-audit.ts";
import type { DeadLetter, FailureGroup } from "../ports/dead-letter-store.ts";
import type {
  actSchema,
  auditSchema,
  discardSchema,
  listSchema,
  retrySchema,
} from "./dead-letters-options.ts";

/** Which dead letters an act is about: one by its id, those with these properties, or all. */
export type DeadLetterSelection =
  number | "all" | { readonly group?: string; readonly topic?: string; readonly fingerprint?: string };

/** A page of dead letters: `after` continues behind the last of the page before; `state` is `dead` unless told otherwise. */
export type ListOptions = z.input<typeof listSchema>;

/** Who does it and why, both recorded. */
export type ActOptions = z.input<typeof actSchema>;

/**
 * `perSecond` spreads the times at which the messages become due (default: all now). `limit` bounds how many are taken
 * (default 10,000). `answered` also takes those whose failure a compensation or `onGiveUp` has answered already, which
 * is otherwise done only for a letter chosen by its id.
 */
export type RetryOptions = z.input<typeof retrySchema>;

export type DiscardOptions = z.input<typeof discardSchema>;

export type AuditOptions = z.input<typeof auditSchema>;

/** How many letters an act changed, and whether `limit` left some of the selection undone. */
export interface Acted {
  readonly count: number;
  readonly more: boolean;
}

/** A dead letter with everything that is known about it. */
export interface DeadLetterDetail extends DeadLetter {
  /** The payload as JSON; `undefined` when it is none, and then `text` shows its bytes as UTF-8. */
  readonly payload: unknown;
  readonly text: string;
  /** Whether the topic's schema accepts the payload; `unknown-topic` when this process does not know the topic. */
  readonly schema:
    | { readonly kind: "accepted" }
    | { readonly kind: "refused"; readonly why: string }
    | { readonly kind: "unknown-topic" };
  /** What operators did to it, the newest first. */
  readonly audit: readonly AuditRow[];
}

/** Dead letters as an operator needs them. Nothing here needs a broker, and nothing deletes a letter. */
export interface DeadLetters {
  /** The newest first, at most `limit` (default 100). @throws WaybillError `OPTIONS_INVALID` */
  list(options?: ListOptions): Promise<readonly DeadLetter[]>;
  /**
   * Equal failures together, the most frequent first: what an operator looks at when there are thousands. Counts among
   * the newest 100,000 letters.
   */
  groups(): Promise<readonly FailureGroup[]>;
  /** One letter whole, `null` when there is none with this id. */
  show(id: number): Promise<DeadLetterDetail | null>;
  /** How many letters a retry of this selection would take, counted up to `limit`. */
  count(selection: DeadLetterSelection, options?: Pick<RetryOptions, "limit" | "answered">): Promise<Acted>;
  /**
   * Gives a letter another payload, checked against its topic's schema, for its group alone: other groups and the sender
   * keep theirs. Nothing runs until it is retried.
   *
   * @throws WaybillError `PAYLOAD_INVALID` when the schema refuses it or its key differs; `NOT_DEAD` when the letter is
   * not `dead`; `OPTIONS_INVALID` when this process does not know the topic. Nothing has changed then.
   */
  edit(id: number, payload: unknown, options: ActOptions): Promise<void>;
  /**
   * Delivers the messages to their groups (outgoing ones to the broker) once more: each runs once per call, also when
   * others retry it at the same time or a process dies meanwhile, and its inbox record does not swallow it. Messages of
   * one (group, topic, key) become due in their original order; in `blocking` order they also wait for what is parked
   * before them. Attempts are counted anew; one that fails again is `dead` again.
   *
   * Taken in transactions of 500: when it rejects in between, what was taken is being retried and the rest is as before.
   *
   * @throws WaybillError `OPTIONS_INVALID`
   */
  retry(selection: DeadLetterSelection, options: RetryOptions): Promise<Acted>;
  /**
   * Records that nothing is to be done about `dead` letters. They stay, and can still be retried by their id.
   *
   * @throws WaybillError `OPTIONS_INVALID`, also without a reason
   */
  discard(selection: DeadLetterSelection, options: DiscardOptions): Promise<Acted>;
  /** What operators did, the newest first, at most `limit` (default 100). */
  audit(options?: AuditOptions): Promise<readonly AuditRow[]>;
}

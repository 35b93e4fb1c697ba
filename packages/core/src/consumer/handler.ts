import type { Envelope } from "../message/envelope.ts";
import type { HandledPayloadOf, PayloadOf, Topic } from "../message/topic.ts";
import type { SendManyOptions, SendOptions } from "../outbox/send-options.ts";
import type { RecordedMessage } from "../outbox/create-outbox.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";

/** What a handler works with, besides the payload. */
export interface HandlerContext<Tx> {
  /** The transaction that holds the inbox record: what is written here commits together with it, once. */
  readonly tx: Tx;
  /** Sends in the same transaction; trace and conversation of the handled message are passed on. */
  readonly send: <T extends Topic>(
    topic: T,
    payload: PayloadOf<T>,
    options?: SendOptions,
  ) => Promise<RecordedMessage>;
  readonly sendMany: <T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    options?: SendManyOptions<T>,
  ) => Promise<readonly RecordedMessage[]>;
  /** The consumer group that handles it. */
  readonly group: string;
  /** The message itself: id, headers, position, raw payload. */
  readonly message: Envelope;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Aborts at the handler's deadline. What it did is undone then, whatever the handler still does: `tx` throws.
   * Pass it on to what can be cancelled (fetch, timers, child processes).
   */
  readonly signal: AbortSignal;
}

/** Handles one message. What it writes through `tx` and sends happens once, if it resolves; never, if it rejects. */
export type Handler<Tx, T extends Topic> = (
  payload: HandledPayloadOf<T>,
  context: HandlerContext<Tx>,
) => Promise<void> | void;

/** Undoes or answers a step that finally failed, in one transaction with the dead letter. */
export type Compensation<Tx, T extends Topic> = (
  payload: HandledPayloadOf<T>,
  context: HandlerContext<Tx> & { readonly error: Error },
) => Promise<void> | void;

export interface HandlerOptions<Tx, T extends Topic> {
  /** When a failed message runs again. Default: 12 attempts, the pauses growing from 200 ms to 60 s. */
  readonly retry?: RetryPolicy;
  /**
   * How long the handler (or the compensation) may take. Then its `signal` aborts, the attempt has failed, and its
   * connection is destroyed once that is recorded. Milliseconds; default 60,000.
   */
  readonly deadlineMs?: number;
  readonly compensate?: Compensation<Tx, T>;
}

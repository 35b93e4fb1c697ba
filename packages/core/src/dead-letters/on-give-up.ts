import { decodePayload } from "../message/payload.ts";
import type { Envelope } from "../message/envelope.ts";
import type { HandledPayloadOf, PayloadOf, Topic } from "../message/topic.ts";
import type { Outbox, RecordedMessage } from "../outbox/create-outbox.ts";
import type { SendOptions } from "../outbox/send-options.ts";
import type { DeadLetter } from "../ports/dead-letter-store.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";

/** What an `onGiveUp` handler works with. */
export interface GiveUpContext<Tx> {
  /** The transaction that also records that the failure is answered. */
  readonly tx: Tx;
  /** Sends in that transaction, as an answer to the message. */
  readonly send: <T extends Topic>(
    topic: T,
    payload: PayloadOf<T>,
    options?: SendOptions,
  ) => Promise<RecordedMessage>;
  readonly message: Envelope;
  /** Why it was given up: an error code, or `expired`. */
  readonly reason: string;
  /** The error with its stack. */
  readonly error: string;
  /** 1 for the first attempt of this handler. */
  readonly attempt: number;
}

/** Answers that a message was never published. What it writes through `tx` and sends happens once, if it resolves. */
export type GiveUpHandler<Tx, T extends Topic> = (
  payload: HandledPayloadOf<T>,
  context: GiveUpContext<Tx>,
) => Promise<void> | void;

export interface GiveUpOptions {
  /** When a handler that failed runs again. Default: until it succeeds, the pauses growing from 1 s to 60 s. */
  readonly retry?: RetryPolicy;
}

/** A topic with what answers its messages that were given up. */
export interface GiveUpRegistration<Tx, T extends Topic = Topic> {
  readonly topic: T;
  readonly handle: GiveUpHandler<Tx, T>;
  readonly retry: RetryPolicy;
}

/** Runs the handler for one dead letter. Rejects with whatever the payload or the handler throws. */
export async function answerGiveUp<Tx>(
  tx: Tx,
  letter: DeadLetter,
  attempt: number,
  registration: GiveUpRegistration<Tx>,
  outbox: Outbox<Tx>,
): Promise<void> {
  const { envelope: message, reason, error } = letter;
  const replies = outbox.inReplyTo(message);
  const payload = await decodePayload(registration.topic, message);
  await registration.handle(payload, {
    tx,
    send: (topic, given, options) => replies.send(tx, topic, given, options),
    message,
    reason,
    error,
    attempt,
  });
}

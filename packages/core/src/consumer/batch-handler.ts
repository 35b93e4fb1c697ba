import type { Envelope } from "../message/envelope.ts";
import type { HandledPayloadOf, Topic } from "../message/topic.ts";
import type { Handler, HandlerContext, HandlerOptions } from "./handler.ts";

/** One message of a batch. */
export interface BatchItem<T extends Topic> {
  readonly payload: HandledPayloadOf<T>;
  /** The message itself: id, headers, position, raw payload. */
  readonly message: Envelope;
}

/** What a batch handler works with, besides the messages. `send` and `sendMany` pass on no trace and no conversation. */
export interface BatchContext<Tx> extends Omit<HandlerContext<Tx>, "message" | "attempt"> {
  /** Sends as the answer to one message of the batch: its trace and conversation are passed on. */
  readonly inReplyTo: (message: Envelope) => Pick<HandlerContext<Tx>, "send" | "sendMany">;
}

/**
 * Handles some messages of a topic in one transaction, in order. What it writes through `tx` and sends happens once
 * for each of them, if it resolves; if it rejects, everything is undone and the message that fails is found by
 * halving, so that it does not take the others with it.
 */
export type BatchHandler<Tx, T extends Topic> = (
  items: readonly BatchItem<T>[],
  context: BatchContext<Tx>,
) => Promise<void> | void;

export interface BatchOptions<Tx, T extends Topic> extends HandlerOptions<Tx, T> {
  /** Messages handled together at most. Default 100. */
  readonly size?: number;
}

/** A topic's batch handler with its size. */
export interface BatchRegistration<Tx, T extends Topic = Topic> {
  readonly size: number;
  readonly handle: BatchHandler<Tx, T>;
}

/** A batch handler for a message on its own: for retries, and for the one that was found to fail. */
export function asSingle<Tx, T extends Topic>(handle: BatchHandler<Tx, T>): Handler<Tx, T> {
  return (payload, { message, attempt: _attempt, ...context }) => {
    const { send, sendMany } = context;
    return handle([{ payload, message }], { ...context, inReplyTo: () => ({ send, sendMany }) });
  };
}

import type { Envelope } from "../message/envelope.ts";
import { decodePayload } from "../message/payload.ts";
import type { Topic } from "../message/topic.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { HandlerContext, Registration } from "./handler.ts";

/** Runs a group's handler for a message inside `tx`. Rejects with whatever the payload or the handler throws. */
export async function runHandler<Tx>(
  registration: Registration<Tx>,
  envelope: Envelope,
  tx: Tx,
  outbox: Outbox<Tx>,
  attempt: number,
): Promise<void> {
  const payload = await decodePayload(registration.topic, envelope);
  await registration.handle(payload, contextOf(envelope, tx, outbox, attempt));
}

/** Runs a group's compensation for a message that finally failed with `error`, inside `tx`. */
export async function runCompensation<Tx>(
  registration: Registration<Tx>,
  envelope: Envelope,
  tx: Tx,
  outbox: Outbox<Tx>,
  attempt: number,
  error: Error,
): Promise<void> {
  if (registration.compensate === null) return;
  const payload = await decodePayload(registration.topic, envelope);
  await registration.compensate(payload, { ...contextOf(envelope, tx, outbox, attempt), error });
}

function contextOf<Tx>(message: Envelope, tx: Tx, outbox: Outbox<Tx>, attempt: number): HandlerContext<Tx> {
  const replies = outbox.inReplyTo(message);
  return {
    tx,
    message,
    attempt,
    send: (topic: Topic, payload, options) => replies.send(tx, topic, payload, options),
    sendMany: (topic: Topic, payloads, options) => replies.sendMany(tx, topic, payloads, options),
  };
}

import type { Envelope } from "../message/envelope.ts";
import { decodePayload } from "../message/payload.ts";
import type { Topic } from "../message/topic.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { HandlerContext } from "./handler.ts";
import type { Registration } from "./registration.ts";

/** One attempt at a message. */
export interface Attempt<Tx> {
  readonly group: string;
  readonly registration: Registration<Tx>;
  readonly envelope: Envelope;
  readonly tx: Tx;
  readonly outbox: Outbox<Tx>;
  /** 1 for the first. */
  readonly attempt: number;
}

/** Runs a group's handler for a message. Rejects with whatever the payload or the handler throws. */
export async function runHandler<Tx>(run: Attempt<Tx>): Promise<void> {
  const payload = await decodePayload(run.registration.topic, run.envelope);
  await run.registration.handle(payload, contextOf(run));
}

/** Runs a group's compensation, if there is one, for a message that finally failed with `error`. */
export async function runCompensation<Tx>(run: Attempt<Tx>, error: Error): Promise<void> {
  if (run.registration.compensate === null) return;
  const payload = await decodePayload(run.registration.topic, run.envelope);
  await run.registration.compensate(payload, { ...contextOf(run), error });
}

function contextOf<Tx>({ group, envelope: message, tx, outbox, attempt }: Attempt<Tx>): HandlerContext<Tx> {
  return { group, tx, message, attempt, ...sendingIn(tx, outbox.inReplyTo(message)) };
}

/** How a handler sends: in its own transaction. */
export type Sending<Tx> = Pick<HandlerContext<Tx>, "send" | "sendMany">;

export function sendingIn<Tx>(tx: Tx, outbox: Pick<Outbox<Tx>, "send" | "sendMany">): Sending<Tx> {
  return {
    send: (topic: Topic, payload, options) => outbox.send(tx, topic, payload, options),
    sendMany: (topic: Topic, payloads, options) => outbox.sendMany(tx, topic, payloads, options),
  };
}

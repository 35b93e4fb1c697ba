import type { Envelope } from "../message/envelope.ts";
import { decodePayload } from "../message/payload.ts";
import type { Topic } from "../message/topic.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { Deadline } from "./deadline.ts";
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
  readonly deadline: Deadline;
}

/** Runs a group's handler for a message. Rejects with whatever the payload or the handler throws. */
export async function runHandler<Tx>(run: Attempt<Tx>): Promise<void> {
  const payload = await decodePayload(run.registration.topic, run.envelope);
  const { group, registration, deadline } = run;
  await deadline.within(
    registration.deadlineMs,
    `The handler of ${group} for ${registration.topic.name}`,
    async () => registration.handle(payload, contextOf(run)),
  );
}

/** Runs a group's compensation, if there is one, for a message that finally failed with `error`. */
export async function runCompensation<Tx>(run: Attempt<Tx>, error: Error): Promise<void> {
  const { group, registration, deadline } = run;
  const { compensate, topic, deadlineMs } = registration;
  if (compensate === null) return;
  const payload = await decodePayload(topic, run.envelope);
  const what = `The compensation of ${group} for ${topic.name}`;
  const compensation = async (): Promise<void> => compensate(payload, { ...contextOf(run), error });
  await deadline.within(deadlineMs, what, compensation, error);
}

function contextOf<Tx>({
  group,
  envelope: message,
  tx,
  outbox,
  attempt,
  deadline,
}: Attempt<Tx>): HandlerContext<Tx> {
  return {
    group,
    tx,
    message,
    attempt,
    get signal() {
      return deadline.signal;
    },
    ...sendingIn(tx, outbox.inReplyTo(message)),
  };
}

/** How a handler sends: in its own transaction. */
export type Sending<Tx> = Pick<HandlerContext<Tx>, "send" | "sendMany">;

export function sendingIn<Tx>(tx: Tx, outbox: Pick<Outbox<Tx>, "send" | "sendMany">): Sending<Tx> {
  return {
    send: (topic: Topic, payload, options) => outbox.send(tx, topic, payload, options),
    sendMany: (topic, payloads, options) => outbox.sendMany(tx, topic, payloads, options),
  };
}

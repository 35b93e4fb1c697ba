import type { Envelope, PayloadOf, Topic } from "@waybill/core";

/** A message as a test looks at it. */
export interface BedMessage<Payload = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** As it was sent: the input of the topic's schema as JSON. Bytes, where the payload is no JSON. */
  readonly payload: Payload;
}

/** A message of a topic. */
export type MessageOf<T extends Topic> = BedMessage<PayloadOf<T>>;

const decoder = new TextDecoder();

export function bedMessage(envelope: Envelope): BedMessage {
  const { id, topic, key, headers } = envelope;
  return { id, topic, key, headers: { ...headers }, payload: payloadOf(envelope) };
}

/** The messages of a topic, or all. A topic's messages have its payload: whoever sent them was checked by its schema. */
export function ofTopic<T extends Topic>(messages: readonly Envelope[], topic?: T): readonly MessageOf<T>[] {
  const chosen =
    topic === undefined ? messages : messages.filter((envelope) => envelope.topic === topic.name);
  return chosen.map((envelope) => bedMessage(envelope) as MessageOf<T>);
}

function payloadOf({ payload }: Envelope): unknown {
  try {
    return JSON.parse(decoder.decode(payload)) as unknown;
  } catch {
    return payload;
  }
}

import type { Envelope } from "../message/envelope.ts";
import type { OrderMode } from "../message/topic.ts";

/** How the topics of a source treat messages behind a parked one. Topics it does not know are `blocking`. */
export type OrderOf = (topic: string) => OrderMode;

/** What orders a message at the relay: `topic/key`, or `null` when nothing does. */
export function orderKeyOf(envelope: Envelope, orderOf: OrderOf): string | null {
  if (envelope.key === null || orderOf(envelope.topic) === "parking") return null;
  return `${envelope.topic}/${envelope.key}`;
}

/**
 * The longest selection of `pending`, in order, that holds at most one message of each order key: what may be
 * unconfirmed at once on a broker that may refuse one message and confirm the next.
 */
export function firstOfEachKey(pending: readonly Envelope[], orderOf: OrderOf): readonly Envelope[] {
  const taken = new Set<string>();
  return pending.filter((envelope) => {
    const key = orderKeyOf(envelope, orderOf);
    if (key === null) return true;
    if (taken.has(key)) return false;
    taken.add(key);
    return true;
  });
}

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
 * The first message of each key, and those that nothing orders; and for each key what follows its first, in order. A
 * broker that may refuse one message and confirm the next must have one of a key unconfirmed at a time.
 */
export function byKey(
  pending: readonly Envelope[],
  orderOf: OrderOf,
): { readonly ready: readonly Envelope[]; readonly following: ReadonlyMap<string, Envelope[]> } {
  const seen = new Set<string>();
  const following = new Map<string, Envelope[]>();
  const ready = pending.filter((envelope) => {
    const key = orderKeyOf(envelope, orderOf);
    if (key === null || !seen.has(key)) {
      if (key !== null) seen.add(key);
      return true;
    }
    const queue = following.get(key);
    if (queue === undefined) following.set(key, [envelope]);
    else queue.push(envelope);
    return false;
  });
  return { ready, following };
}

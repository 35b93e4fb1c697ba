import type { Envelope } from "./envelope.ts";
import { SYSTEM_HEADERS } from "./wire.ts";

/** The only group that a copy is meant for; `null` for a message to every group of its topic. */
export function addresseeOf({ headers }: Pick<Envelope, "headers">): string | null {
  return headers[SYSTEM_HEADERS.group] ?? null;
}

/** A copy for one group alone: the same message in all else. */
export function addressedTo(group: string, envelope: Envelope): Envelope {
  return { ...envelope, headers: { ...envelope.headers, [SYSTEM_HEADERS.group]: group } };
}

/** Whether a group has anything to do with what it was delivered. If not, it acknowledges it and records nothing. */
export function isMeantFor(group: string, envelope: Envelope): boolean {
  const addressee = addresseeOf(envelope);
  return addressee === null || addressee === group;
}

import type { Envelope } from "./envelope.ts";

/** Names what a message's place counts in: behind a refused one, the others of the same are held. */
export function orderOf({ source, topic, partition }: Envelope): string {
  return `${source}\n${topic}\n${partition}`;
}

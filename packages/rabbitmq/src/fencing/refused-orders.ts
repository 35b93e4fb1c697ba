import type { Envelope, PublishResult } from "@waybill/core";
import { isWaybillError } from "@waybill/core";

export const HELD: PublishResult = { kind: "held" };

/** A relay of a later epoch took over: what is behind it has the same fate, whatever its order. */
export function isFenced(result: PublishResult): boolean {
  return result.kind === "rejected" && isWaybillError(result.error, "BROKER_FENCED");
}

/** Names what a message's place counts in: behind a refused one, the others of the same are held. */
export function orderOf({ source, topic, partition }: Envelope): string {
  return `${source}\n${topic}\n${partition}`;
}

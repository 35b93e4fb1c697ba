import type { PublishResult } from "@waybill/core";
import { isWaybillError } from "@waybill/core";

export const HELD: PublishResult = { kind: "held" };

/** A relay of a later epoch took over: what is behind it has the same fate, whatever its order. */
export function isFenced(result: PublishResult): boolean {
  return result.kind === "rejected" && isWaybillError(result.error, "BROKER_FENCED");
}

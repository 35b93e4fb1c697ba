import type { NewParked } from "@waybill/core";
import { envelopeJson } from "../envelope-row.ts";
import { storable } from "../text.ts";

/** Messages to park, as `parked_add` reads them. */
export function parkedJson(messages: readonly NewParked[]): string {
  return JSON.stringify(
    messages.map((parked) => ({
      ...envelopeJson(parked.envelope),
      group: parked.group,
      reason: parked.reason,
      stage: parked.stage,
      ordering: parked.order,
      attempts: parked.attempts,
      due_at: "at" in parked.due ? parked.due.at : null,
      due_in_ms: "inMs" in parked.due ? parked.due.inMs : null,
      error: parked.error === null ? null : storable(parked.error),
      expires_at: parked.expiresAt,
    })),
  );
}

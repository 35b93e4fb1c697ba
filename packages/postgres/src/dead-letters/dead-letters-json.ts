import type { NewDeadLetter } from "@waybill/core";
import { envelopeJson } from "../envelope-row.ts";
import { storable } from "../text.ts";

/** Messages to give up, as `dead_letter_add` reads them. */
export function deadLettersJson(letters: readonly NewDeadLetter[]): string {
  return JSON.stringify(
    letters.map(({ envelope, group, attempts, reason, error }) => ({
      ...envelopeJson(envelope),
      group,
      attempts,
      reason: storable(reason),
      error: storable(error),
    })),
  );
}

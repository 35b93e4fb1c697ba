import type { ChosenLetter, NewDeadLetter } from "@waybill/core";
import { envelopeJson } from "../envelope-row.ts";
import { storable } from "../text.ts";

/** Messages to give up, as `dead_letter_add` reads them. */
export function deadLettersJson(letters: readonly NewDeadLetter[]): string {
  return JSON.stringify(
    letters.map((letter) => ({
      ...envelopeJson(letter.envelope),
      group: letter.group,
      ordering: letter.order,
      attempts: letter.attempts,
      reason: storable(letter.reason),
      error: storable(letter.error),
      fingerprint: letter.fingerprint,
      answered: letter.answered,
      failing_since: letter.failingSince,
    })),
  );
}

/** Chosen letters, as `dead_letter_retry` and `dead_letter_discard` read them. */
export function chosenJson(chosen: readonly (ChosenLetter & { readonly dueAt?: number })[]): string {
  return JSON.stringify(
    chosen.map(({ deadLetterId, delivery, dueAt }) => ({ id: deadLetterId, delivery, due_at: dueAt })),
  );
}

import { errorWithStack } from "../errors/recorded-error.ts";
import type { NewDeadLetter } from "../ports/dead-letter-store.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** The record of a message that is given up with `error`. */
export function deadLetterOf(
  failed: Pick<
    NewDeadLetter,
    "group" | "envelope" | "order" | "attempts" | "reason" | "failingSince" | "answered"
  >,
  error: Error,
): NewDeadLetter {
  const { group, envelope } = failed;
  return {
    ...failed,
    error: errorWithStack(error),
    fingerprint: fingerprintOf({ group, topic: envelope.topic, error }),
  };
}

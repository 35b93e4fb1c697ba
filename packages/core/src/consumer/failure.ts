import { toError } from "../errors/describe-error.ts";
import { RetryLater, Unprocessable } from "../errors/handler-errors.ts";
import { isWaybillError } from "../errors/waybill-error.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";

/**
 * What follows from a failed attempt.
 *
 * | decision      | for                                                          | the attempt counts |
 * |---------------|--------------------------------------------------------------|--------------------|
 * | `unavailable` | the group's own database is away                             | no                 |
 * | `again`       | the policy says at once                                      | yes                |
 * | `later`       | the policy says later, or the handler threw `RetryLater`     | yes                |
 * | `unknown`     | nobody here knows the topic or version                       | no                 |
 * | `compensate`  | the compensation was too slow, and is tried again later      | of compensation    |
 * | `give-up`     | attempts used up, unreadable, `Unprocessable`, or the process died of it | yes    |
 */
export type Decision =
  | { readonly kind: "unavailable"; readonly error: Error }
  | { readonly kind: "again"; readonly error: Error }
  | { readonly kind: "later"; readonly delayMs: number; readonly error: Error }
  | { readonly kind: "unknown"; readonly error: Error }
  | { readonly kind: "compensate"; readonly error: Error; readonly timeout: Error }
  | {
      readonly kind: "give-up";
      readonly reason: string;
      readonly error: Error;
      /** The compensation must not run: it kills the process. */
      readonly uncompensated?: boolean;
    };

/** Decides after `failed` failed attempts, this one included. */
export function decide(thrown: unknown, failed: number, retry: RetryPolicy, fraction: number): Decision {
  const error = toError(thrown);
  if (isStorageTrouble(error)) return { kind: "unavailable", error };
  if (isWaybillError(error, "HANDLER_TIMEOUT") && error.cause instanceof Error) {
    return { kind: "compensate", error: error.cause, timeout: error };
  }
  if (isWaybillError(error, "VERSION_UNSUPPORTED") || isWaybillError(error, "TOPIC_UNHANDLED")) {
    return { kind: "unknown", error };
  }
  if (error instanceof Unprocessable || error.name === "Unprocessable") {
    return { kind: "give-up", reason: "Unprocessable", error };
  }
  if (isWaybillError(error, "PAYLOAD_UNREADABLE")) return { kind: "give-up", reason: error.code, error };
  const delayMs = retry.delayMs(failed, fraction);
  if (delayMs === null) return { kind: "give-up", reason: "attempts used up", error };
  if (error instanceof RetryLater) return { kind: "later", delayMs: error.afterMs, error };
  return delayMs === 0 ? { kind: "again", error } : { kind: "later", delayMs, error };
}

/**
 * The database is away, the outcome of a commit unknown, or another transaction was in the way of a claim or a send:
 * nothing that the message or its handler did.
 */
export function isStorageTrouble(error: unknown): boolean {
  return (
    isWaybillError(error, "STORAGE_UNAVAILABLE") ||
    isWaybillError(error, "COMMIT_UNKNOWN") ||
    isWaybillError(error, "TRANSACTION_CONFLICT")
  );
}

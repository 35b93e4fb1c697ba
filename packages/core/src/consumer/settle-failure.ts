import { deadLetterOf } from "../dead-letters/dead-letter-of.ts";
import { describeError } from "../errors/describe-error.ts";
import { errorWithStack, revivedError } from "../errors/recorded-error.ts";
import type { Parked, ParkedReason, ParkedStage } from "../ports/parked-store.ts";
import { exponential } from "../retry/retry-policy.ts";
import type { Application, Applied } from "./application.ts";
import { Deadline } from "./deadline.ts";
import { decide, type Decision } from "./failure.ts";
import { runCompensation } from "./run-handler.ts";

/** A compensation is tried until it succeeds: nobody else will undo the step. */
const COMPENSATION_RETRY = exponential({
  firstMs: 1_000,
  maxMs: 60_000,
  attempts: Number.MAX_SAFE_INTEGER,
  immediate: 0,
});

/** Between the error that is compensated and the one that the compensation failed with. */
const COMPENSATION_FAILED = "\ncompensation failed: ";

/** A decision with how many attempts have failed. */
export type Failure = Decision & { readonly failed: number };

/** What is to be compensated, from the row that waits for another try of its compensation. */
export function failureToCompensate(parked: Parked): Failure {
  const error = revivedError(parked.error?.split(COMPENSATION_FAILED)[0] ?? "the message finally failed");
  return { kind: "give-up", reason: "attempts used up", error, failed: parked.attempts };
}

/** Records what follows from a failure, in the transaction of the attempt. */
export async function settleFailure<Tx>(application: Application<Tx>, failure: Failure): Promise<Applied> {
  const { work, parts } = application;
  const error = describeError(failure.error);
  const wait = (reason: ParkedReason, dueInMs: number, attempts: number): Promise<Applied> =>
    waitAgain(application, { stage: "handle", reason, attempts, dueInMs, error });
  switch (failure.kind) {
    case "unavailable":
      throw failure.error;
    case "again":
      return wait("retry", 0, failure.failed);
    case "later":
      return wait("retry", failure.delayMs, failure.failed);
    case "unknown":
      return wait("unknown", parts.options.unknownRetryMs, work.failed);
    case "compensate":
      return compensateLater(application, failure.error, failure.timeout);
    case "give-up":
      return giveUp(application, failure);
    default:
      return failure satisfies never;
  }
}

/** Compensates and buries in one step, or waits to try the compensation again. */
async function giveUp<Tx>(
  application: Application<Tx>,
  failure: Failure & { readonly kind: "give-up" },
): Promise<Applied> {
  const { tx, work, envelope, registration, parts } = application;
  const { group, storage } = parts;
  const { reason, failed: attempts } = failure;
  // The effects of a retried message that fails are undone, and so what answered its first death still holds.
  const answered =
    work.parked !== null &&
    work.parked.delivery > 0 &&
    (await storage.deadLetters.wasAnswered(tx, group, envelope.id));
  const compensable =
    registration !== undefined &&
    registration.compensate !== null &&
    reason !== "PAYLOAD_UNREADABLE" &&
    failure.uncompensated !== true &&
    !answered;
  if (compensable) {
    const waiting = await compensate(application, failure.error);
    if (waiting !== null) return waiting;
  }
  if (work.parked !== null) await storage.parked.remove(tx, work.parked.parkedId);
  const order = registration?.topic.order ?? work.parked?.order ?? "blocking";
  const failingSince = work.parked?.parkedAt ?? null;
  const failed = { group, envelope, order, attempts, reason, failingSince, answered: compensable };
  await storage.deadLetters.bury(tx, deadLetterOf(failed, failure.error));
  return {
    type: "message.dead",
    level: compensable ? "info" : "error",
    group,
    message: envelope,
    reason,
    error: describeError(failure.error),
  };
}

/** Answers `null` when the compensation succeeded, else how it waits. */
async function compensate<Tx>(application: Application<Tx>, error: Error): Promise<Applied | null> {
  const { tx, envelope, registration, parts } = application;
  const { group, storage, outbox } = parts;
  if (registration === undefined) return null;
  const attempt = compensationAttempt(application);
  const deadline = new Deadline(parts.timeouts);
  try {
    await storage.savepoint(
      tx,
      (inner) =>
        runCompensation({ group, registration, envelope, tx: inner, outbox, attempt, deadline }, error),
      { signal: deadline },
    );
    return null;
  } catch (thrown) {
    if (decide(thrown, attempt, COMPENSATION_RETRY, 0).kind === "unavailable") throw thrown;
    return compensateLater(application, error, thrown);
  }
}

/** The message waits until its compensation is tried again. */
function compensateLater<Tx>(application: Application<Tx>, error: Error, thrown: unknown): Promise<Applied> {
  const attempts = compensationAttempt(application);
  return waitAgain(application, {
    stage: "compensate",
    reason: "retry",
    attempts,
    dueInMs: COMPENSATION_RETRY.delayMs(attempts, application.parts.random.fraction()) ?? 0,
    error: `${errorWithStack(error)}${COMPENSATION_FAILED}${describeError(thrown)}`,
  });
}

/** Failed attempts of the handler do not count for its compensation. */
function compensationAttempt<Tx>({ work: { parked } }: Application<Tx>): number {
  return parked?.stage === "compensate" ? parked.attempts + 1 : 1;
}

/** Parks a message behind an earlier one of its key. */
export async function waitBehind<Tx>(application: Application<Tx>): Promise<Applied> {
  const { tx, work, envelope, parts } = application;
  const { group, storage } = parts;
  if (work.parked === null) {
    await storage.parked.park(tx, {
      group,
      envelope,
      reason: "behind",
      stage: "handle",
      order: "blocking",
      attempts: 0,
      due: { inMs: 0 },
      error: null,
      expiresAt: null,
    });
  }
  return {
    type: "message.parked",
    level: "warn",
    group,
    message: envelope,
    reason: "behind",
    attempts: 0,
    error: null,
  };
}

interface Wait {
  readonly stage: ParkedStage;
  readonly reason: ParkedReason;
  readonly attempts: number;
  readonly dueInMs: number;
  readonly error: string;
}

/** Takes the inbox record back, since nothing was applied, and parks the message or leaves it parked for longer. */
async function waitAgain<Tx>(application: Application<Tx>, wait: Wait): Promise<Applied> {
  const { tx, work, envelope, registration, parts } = application;
  const { group, storage } = parts;
  const { stage, reason, attempts, dueInMs, error } = wait;
  await storage.inbox.unclaim(tx, group, envelope.id, work.parked?.delivery);
  if (work.parked === null) {
    const order = registration?.topic.order ?? "blocking";
    const due = { inMs: dueInMs };
    await storage.parked.park(tx, {
      group,
      envelope,
      reason,
      stage,
      order,
      attempts,
      due,
      error,
      expiresAt: null,
    });
  } else {
    await storage.parked.again(tx, work.parked.parkedId, wait);
  }
  return { type: "message.parked", level: "warn", group, message: envelope, reason, attempts, error };
}

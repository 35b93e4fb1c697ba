import { describeError, errorWithStack } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { WaybillEvent } from "../ports/events.ts";
import type { Parked, ParkedReason, ParkedStage } from "../ports/parked-store.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { exponential } from "../retry/retry-policy.ts";
import type { ResolvedConsumerOptions } from "./consumer-options.ts";
import { decide, type Decision } from "./failure.ts";
import type { Registration } from "./handler.ts";
import { runCompensation, runHandler } from "./run-handler.ts";

/** A compensation is tried until it succeeds: nobody else will undo the step. */
const COMPENSATION_RETRY = exponential({
  firstMs: 1_000,
  maxMs: 60_000,
  attempts: Number.MAX_SAFE_INTEGER,
  immediate: 0,
});

const COMPENSATION_FAILED = "\ncompensation failed: ";

export interface ApplyParts<Tx> {
  readonly group: string;
  readonly storage: Storage<Tx>;
  readonly outbox: Outbox<Tx>;
  readonly registrations: ReadonlyMap<string, Registration<Tx>>;
  readonly trusted: ReadonlySet<string>;
  readonly options: ResolvedConsumerOptions;
  readonly random: Random;
}

/** A message that a group is to apply, as it was delivered or as it waited. */
export interface Work {
  readonly envelope: Envelope;
  /** Its parked row, when it is run from there. */
  readonly parked: Parked | null;
  /** Failed attempts so far. */
  readonly failed: number;
  /** Set when the transaction of the last attempt failed as a whole: what to do instead of trying again. */
  readonly decision: Decision | null;
}

/** What was decided; holds once the transaction has committed. */
export type Applied = WaybillEvent & { readonly type: `message.${string}` };

/**
 * Applies a message inside `tx`: inbox record, the handler's effects and what it sends stand or fall together. A
 * handler that fails is undone, and what follows (park, dead letter, compensation) is recorded in the same
 * transaction, so that no later message of the key can slip in between.
 */
export async function applyMessage<Tx>(tx: Tx, work: Work, parts: ApplyParts<Tx>): Promise<Applied> {
  const { group, storage, registrations, trusted } = parts;
  const envelope = trusted.has(work.envelope.source) ? work.envelope : { ...work.envelope, position: null };
  const registration = registrations.get(envelope.topic);
  const ordered = envelope.key !== null && registration?.topic.order !== "parking";
  const claim = await storage.inbox.claim(tx, {
    group,
    envelope,
    ordered,
    parkedId: work.parked?.parkedId ?? null,
  });
  if (claim === "duplicate" || claim === "parked") {
    if (claim === "duplicate" && work.parked !== null) await storage.parked.remove(tx, work.parked.parkedId);
    return { type: "message.duplicate", level: "debug", group, message: envelope };
  }
  if (claim === "behind") return waitBehind(tx, work, envelope, parts);
  if (envelope.headers[SYSTEM_HEADERS.void] === undefined) {
    const decision = work.decision ?? (await attempt(tx, work, envelope, registration, parts));
    if (decision !== null) return settleFailure(tx, work, envelope, registration, decision, parts);
  }
  if (work.parked !== null) await storage.parked.remove(tx, work.parked.parkedId);
  return claim === "conflict"
    ? { type: "message.conflict", level: "error", group, message: envelope }
    : { type: "message.applied", level: "debug", group, message: envelope };
}

/** Runs the handler until it succeeds (`null`) or something else must follow. */
async function attempt<Tx>(
  tx: Tx,
  work: Work,
  envelope: Envelope,
  registration: Registration<Tx> | undefined,
  parts: ApplyParts<Tx>,
): Promise<(Decision & { readonly failed: number }) | null> {
  if (registration === undefined) {
    const message = `Group ${parts.group} has no handler for topic ${envelope.topic} in this process.`;
    return { kind: "unknown", error: new WaybillError("TOPIC_UNHANDLED", message), failed: work.failed };
  }
  if (work.parked?.stage === "compensate") {
    const error = new Error(work.parked.error?.split(COMPENSATION_FAILED)[0] ?? "the message finally failed");
    return { kind: "give-up", reason: "attempts used up", error, failed: work.failed };
  }
  for (let failed = work.failed + 1; ; failed += 1) {
    try {
      await parts.storage.savepoint(tx, (inner) =>
        runHandler(registration, envelope, inner, parts.outbox, failed),
      );
      return null;
    } catch (thrown) {
      const decision = decide(thrown, failed, registration.retry, parts.random.fraction());
      if (decision.kind === "unavailable") throw thrown;
      if (decision.kind !== "again") return { ...decision, failed };
    }
  }
}

async function settleFailure<Tx>(
  tx: Tx,
  work: Work,
  envelope: Envelope,
  registration: Registration<Tx> | undefined,
  decision: Decision & { readonly failed?: number },
  parts: ApplyParts<Tx>,
): Promise<Applied> {
  const failed = decision.failed ?? work.failed;
  const wait = (reason: ParkedReason, dueInMs: number, attempts: number): Promise<Applied> =>
    waitAgain(
      tx,
      work,
      envelope,
      { stage: "handle", reason, attempts, dueInMs, error: describeError(decision.error) },
      parts,
    );
  switch (decision.kind) {
    case "unavailable":
      throw decision.error;
    case "again":
      return wait("retry", 0, failed);
    case "later":
      return wait("retry", decision.delayMs, failed);
    case "unknown":
      return wait("unknown", parts.options.unknownRetryMs, work.failed);
    case "give-up":
      return giveUp(tx, work, envelope, registration, { ...decision, failed }, parts);
    default:
      return decision satisfies never;
  }
}

/** Compensates and buries in one step, or waits to try the compensation again. */
async function giveUp<Tx>(
  tx: Tx,
  work: Work,
  envelope: Envelope,
  registration: Registration<Tx> | undefined,
  final: { readonly reason: string; readonly error: Error; readonly failed: number },
  parts: ApplyParts<Tx>,
): Promise<Applied> {
  const { group, storage, outbox } = parts;
  const readable = final.reason !== "PAYLOAD_UNREADABLE";
  const compensating = work.parked?.stage === "compensate";
  if (registration !== undefined && registration.compensate !== null && readable) {
    const tries = compensating ? work.failed + 1 : 1;
    try {
      await storage.savepoint(tx, (inner) =>
        runCompensation(registration, envelope, inner, outbox, tries, final.error),
      );
    } catch (thrown) {
      if (decide(thrown, tries, COMPENSATION_RETRY, 0).kind === "unavailable") throw thrown;
      const error = `${describeError(final.error)}${COMPENSATION_FAILED}${describeError(thrown)}`;
      const dueInMs = COMPENSATION_RETRY.delayMs(tries, parts.random.fraction()) ?? 0;
      return waitAgain(
        tx,
        work,
        envelope,
        { stage: "compensate", reason: "retry", attempts: tries, dueInMs, error },
        parts,
      );
    }
  }
  if (work.parked !== null) await storage.parked.remove(tx, work.parked.parkedId);
  const error = errorWithStack(final.error);
  await storage.deadLetters.bury(tx, {
    group,
    envelope,
    attempts: final.failed,
    reason: final.reason,
    error,
  });
  return {
    type: "message.dead",
    level: "error",
    group,
    message: envelope,
    reason: final.reason,
    error: describeError(final.error),
  };
}

async function waitBehind<Tx>(
  tx: Tx,
  work: Work,
  envelope: Envelope,
  parts: ApplyParts<Tx>,
): Promise<Applied> {
  const { group, storage } = parts;
  if (work.parked === null) {
    const due = { inMs: 0 };
    await storage.parked.park(tx, {
      group,
      envelope,
      reason: "behind",
      stage: "handle",
      order: "blocking",
      attempts: 0,
      due,
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

async function waitAgain<Tx>(
  tx: Tx,
  work: Work,
  envelope: Envelope,
  wait: Wait,
  parts: ApplyParts<Tx>,
): Promise<Applied> {
  const { group, storage, registrations } = parts;
  const { dueInMs, ...rest } = wait;
  await storage.inbox.unclaim(tx, group, envelope.id);
  if (work.parked === null) {
    const order = registrations.get(envelope.topic)?.topic.order ?? "blocking";
    await storage.parked.park(tx, {
      group,
      envelope,
      order,
      ...rest,
      due: { inMs: dueInMs },
      expiresAt: null,
    });
  } else {
    await storage.parked.again(tx, work.parked.parkedId, wait);
  }
  return {
    type: "message.parked",
    level: "warn",
    group,
    message: envelope,
    reason: wait.reason,
    attempts: wait.attempts,
    error: wait.error,
  };
}

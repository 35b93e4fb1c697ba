import { WaybillError } from "../errors/waybill-error.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { Claim, ClaimRequest } from "../ports/inbox-store.ts";
import {
  trustedEnvelope,
  type Application,
  type Applied,
  type ApplyParts,
  type Work,
} from "./application.ts";
import { Deadline } from "./deadline.ts";
import { decide } from "./failure.ts";
import { runHandler } from "./run-handler.ts";
import { failureToCompensate, settleFailure, waitBehind, type Failure } from "./settle-failure.ts";

/** How a message is claimed before it is applied. */
export function claimRequestOf<Tx>(work: Work, parts: ApplyParts<Tx>): ClaimRequest {
  const { group, registrations, trusted } = parts;
  const envelope = trustedEnvelope(work.envelope, trusted);
  const ordered = envelope.key !== null && registrations.get(envelope.topic)?.topic.order !== "parking";
  const { parkedId, delivery } = work.parked ?? { parkedId: null, delivery: 0 };
  return { group, envelope, ordered, parkedId, delivery };
}

/**
 * Applies a claimed message inside `tx`: inbox record, the handler's effects and what it sends stand or fall together. A
 * handler that fails is undone, and what follows (park, dead letter, compensation) is recorded in the same
 * transaction, so that no later message of the key can slip in between.
 */
export async function applyMessage<Tx>(
  tx: Tx,
  work: Work,
  claim: Claim,
  parts: ApplyParts<Tx>,
): Promise<Applied> {
  const { group, storage, registrations, trusted } = parts;
  const envelope = trustedEnvelope(work.envelope, trusted);
  const registration = registrations.get(envelope.topic);
  const application: Application<Tx> = { tx, work, envelope, registration, parts };
  const parkedId = work.parked?.parkedId ?? null;
  if (claim === "duplicate" || claim === "parked") {
    if (claim === "duplicate" && parkedId !== null) await storage.parked.remove(tx, parkedId);
    return { type: "message.duplicate", level: "debug", group, message: envelope };
  }
  if (claim === "behind") return waitBehind(application);
  if (envelope.headers[SYSTEM_HEADERS.void] === undefined) {
    const failure = await attempt(application);
    if (failure !== null) return settleFailure(application, failure);
  }
  if (parkedId !== null) await storage.parked.remove(tx, parkedId);
  return claim === "conflict"
    ? { type: "message.conflict", level: "error", group, message: envelope }
    : { type: "message.applied", level: "debug", group, message: envelope };
}

/** Runs the handler until it succeeds (`null`) or something else must follow. */
async function attempt<Tx>(application: Application<Tx>): Promise<Failure | null> {
  const { tx, work, envelope, registration, parts } = application;
  const { group, storage, outbox, random } = parts;
  if (work.decision !== null) return { ...work.decision, failed: work.failed };
  if (registration === undefined) {
    const message = `Group ${group} has no handler for topic ${envelope.topic} in this process.`;
    return { kind: "unknown", error: new WaybillError("TOPIC_UNHANDLED", message), failed: work.failed };
  }
  if (work.parked?.stage === "compensate") return failureToCompensate(work.parked);
  for (let failed = work.failed + 1; ; failed += 1) {
    const deadline = new Deadline(parts.timeouts);
    try {
      await storage.savepoint(
        tx,
        (inner) =>
          runHandler({ group, registration, envelope, tx: inner, outbox, attempt: failed, deadline }),
        { signal: deadline },
      );
      return null;
    } catch (thrown) {
      const decision = decide(thrown, failed, registration.retry, random.fraction());
      if (decision.kind === "unavailable") throw thrown;
      if (decision.kind !== "again") return { ...decision, failed };
    }
  }
}

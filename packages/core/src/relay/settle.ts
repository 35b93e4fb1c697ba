import { crc32 } from "node:zlib";
import { deadLetterOf } from "../dead-letters/dead-letter-of.ts";
import { describeError } from "../errors/describe-error.ts";
import type { Envelope, Position } from "../message/envelope.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { NewDeadLetter } from "../ports/dead-letter-store.ts";
import type { OutboxRow } from "../ports/outbox-store.ts";
import { OUTGOING, type NewParked } from "../ports/parked-store.ts";
import type { RetryPolicy } from "../retry/retry-policy.ts";
import { isCall } from "./call-refusal.ts";
import type { OrderOf } from "./key-order.ts";
import type { Refusal } from "./publish-in-order.ts";

/** What decides about messages that could not be published. */
export interface SettleRules {
  readonly retry: RetryPolicy;
  readonly orderOf: OrderOf;
  readonly fraction: () => number;
}

/** Milliseconds until a refused message is tried again; `null` when it is given up. */
export function retryDelayMs(refusal: Refusal, attempts: number, rules: SettleRules): number | null {
  return refusal.retryable ? rules.retry.delayMs(attempts, rules.fraction()) : null;
}

/** A row that is not due yet, waiting for its time. */
export function parkDelayed(row: OutboxRow, rules: SettleRules): NewParked {
  return {
    ...waiting(row.envelope, rules),
    reason: "delayed",
    due: { at: row.deliverAt ?? 0 },
    expiresAt: row.expiresAt,
  };
}

/** A message behind a parked one of its key. */
export function parkBehind(envelope: Envelope, expiresAt: number | null, rules: SettleRules): NewParked {
  return { ...waiting(envelope, rules), reason: "behind", due: { inMs: 0 }, expiresAt };
}

/** A refused message that is tried again. */
export function parkForRetry(
  refusal: Refusal,
  delayMs: number,
  expiresAt: number | null,
  rules: SettleRules,
): NewParked {
  return {
    ...waiting(refusal.envelope, rules),
    reason: "retry",
    attempts: 1,
    due: { inMs: delayMs },
    error: describeError(refusal.error),
    expiresAt,
  };
}

/**
 * Tells the groups of a topic that a position stays empty, or they would wait for its message. Those who get the calls of
 * other libraries may not know of positions, and take it for a message: they are told nothing.
 */
export function announceVoid(
  envelope: Envelope,
  why: "expired" | "rejected",
  rules: SettleRules,
): NewParked[] {
  if (envelope.position === null || isCall(envelope)) return [];
  const empty: Envelope = {
    ...envelope,
    id: voidId(envelope.id, envelope.position),
    key: null,
    headers: { [SYSTEM_HEADERS.void]: why },
    payload: new Uint8Array(),
  };
  return [{ ...waiting(empty, rules), reason: "void", due: { inMs: 0 } }];
}

/** A message that is given up because the broker will never take it. */
export function buryRefused(refusal: Refusal, lived: Lived, rules: SettleRules): NewDeadLetter {
  const { envelope, error } = refusal;
  return deadLetterOf({ ...outgoing(envelope, lived, rules), reason: error.code }, error);
}

/** A message that is given up because its time has passed. */
export function buryExpired(
  envelope: Envelope,
  expiresAt: number,
  lived: Lived,
  rules: SettleRules,
): NewDeadLetter {
  const error = new Error(`not published before ${new Date(expiresAt).toISOString()}`);
  error.name = "Expired";
  error.stack = `${error.name}: ${error.message}`;
  return deadLetterOf({ ...outgoing(envelope, lived, rules), reason: "expired" }, error);
}

/** What an outgoing message has been through. */
export interface Lived {
  readonly attempts: number;
  /** When it was parked first, milliseconds since the epoch; `null` when it never was. */
  readonly parkedAt: number | null;
}

function outgoing(
  envelope: Envelope,
  { attempts, parkedAt }: Lived,
  rules: SettleRules,
): Omit<NewDeadLetter, "reason" | "error" | "fingerprint"> {
  const order = rules.orderOf(envelope.topic);
  return { group: OUTGOING, envelope, order, attempts, failingSince: parkedAt, answered: false };
}

function waiting(envelope: Envelope, rules: SettleRules): NewParked {
  return {
    group: OUTGOING,
    envelope,
    reason: "behind",
    stage: "handle",
    order: rules.orderOf(envelope.topic),
    attempts: 0,
    due: { inMs: 0 },
    error: null,
    expiresAt: null,
  };
}

/**
 * The id of an announcement: its message's with the version digit changed and the position mixed in, so that it meets
 * neither its message in an inbox nor the announcement of another position of it, after a retry.
 */
function voidId(id: string, { incarnation, sequence }: Position): string {
  const place = crc32(`${incarnation}/${sequence}`).toString(16).padStart(8, "0");
  return `${id.slice(0, 14)}8${id.slice(15, 28)}${place}`;
}

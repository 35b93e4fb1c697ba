import { describeError } from "../errors/describe-error.ts";
import type { EventListener } from "../ports/events.ts";
import { OUTGOING, type Parked, type ParkedStore } from "../ports/parked-store.ts";
import type { ParkedChange, RelayStep } from "../ports/relay-store.ts";
import { streamOf } from "./allot-positions.ts";
import { publishInOrder, type PublishOutcome } from "./publish-in-order.ts";
import type { RelayTerm } from "./relay-term.ts";
import { announceVoid, buryExpired, buryRefused, retryDelayMs } from "./settle.ts";

const DUE_MAX = 500;
/** Rounds of one sweep. A round publishes one message of each blocked key, so a long queue of a key takes many. */
const ROUNDS_MAX = 50;

/** What one sweep did. */
export interface ParkedSweep {
  readonly published: number;
  readonly dead: number;
  /** More may be due: sweep again soon. */
  readonly more: boolean;
}

/**
 * Publishes outgoing messages that are due: delayed ones, refused ones for another attempt, and those behind them in
 * the order of their key. Each gets its position before it is published for the first time.
 */
export async function sendParked(
  term: RelayTerm,
  store: Pick<ParkedStore<never>, "dueOutgoing" | "blockedOutgoing">,
  emit: EventListener,
): Promise<ParkedSweep> {
  let published = 0;
  let dead = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { now, parked } = await store.dueOutgoing(DUE_MAX);
    if (parked.length === 0) return { published, dead, more: false };
    const expired = parked.filter((message) => message.expiresAt !== null && message.expiresAt <= now);
    const due = await givePositions(
      term,
      parked.filter((message) => !expired.includes(message)),
    );
    const change = { park: [] as RelayStep["park"][number][], parked: [] as ParkedChange[] };
    for (const message of expired) giveUpExpired(term, message, change);
    const outcome = await publish(term, due);
    for (const message of due) settle(term, message, outcome, change);
    await term.save(change);
    await refreshBlocked(term, store);
    for (const one of change.parked) {
      if (one.kind === "published") published += 1;
      if (one.kind === "dead") {
        dead += 1;
        emit({
          type: "message.dead",
          level: "error",
          group: OUTGOING,
          message: one.letter.envelope,
          reason: one.letter.reason,
          error: one.letter.error,
        });
      }
    }
  }
  return { published, dead, more: true };
}

/** Durable before anything is published: a relay that takes over must publish the same positions. */
async function givePositions(term: RelayTerm, parked: readonly Parked[]): Promise<readonly Parked[]> {
  const { incarnation } = term.context.keeper.lease;
  const sequences = new Map<string, number>();
  const changes: ParkedChange[] = [];
  const placed = parked.map((message) => {
    if (message.envelope.position !== null) return message;
    const stream = streamOf(message.envelope);
    const sequence = sequences.get(stream) ?? term.nextSequence(stream);
    sequences.set(stream, sequence + 1);
    changes.push({ kind: "position", parkedId: message.parkedId, sequence });
    return { ...message, envelope: { ...message.envelope, position: { incarnation, sequence } } };
  });
  if (changes.length > 0) await term.save({ sequences, parked: changes });
  return placed;
}

/** The messages that are due are the heads of their keys, so their own keys do not block them. */
function publish(term: RelayTerm, due: readonly Parked[]): Promise<PublishOutcome> {
  const batch = due.map((message) => message.envelope);
  return publishInOrder(batch, { ...term.context, blocked: new Set() });
}

function settle(
  term: RelayTerm,
  message: Parked,
  outcome: PublishOutcome,
  change: { park: RelayStep["park"][number][]; parked: ParkedChange[] },
): void {
  const { parkedId, envelope, parkedAt } = message;
  const refusal = outcome.refused.find((one) => one.envelope === envelope);
  if (refusal === undefined) {
    if (!outcome.behind.includes(envelope)) change.parked.push({ kind: "published", parkedId });
    return;
  }
  if (message.reason === "void") {
    // Nobody subscribes to its topic, so nobody waits for the position.
    change.parked.push({ kind: "published", parkedId });
    return;
  }
  const attempts = message.attempts + 1;
  const dueInMs = retryDelayMs(refusal, attempts, term.rules);
  if (dueInMs !== null) {
    change.parked.push({ kind: "again", parkedId, attempts, dueInMs, error: describeError(refusal.error) });
    return;
  }
  change.parked.push({
    kind: "dead",
    parkedId,
    letter: buryRefused(refusal, { attempts, parkedAt }, term.rules),
  });
  change.park.push(...announceVoid(envelope, "rejected", term.rules));
}

function giveUpExpired(
  term: RelayTerm,
  message: Parked,
  change: { park: RelayStep["park"][number][]; parked: ParkedChange[] },
): void {
  const { envelope, parkedId } = message;
  change.parked.push({
    kind: "dead",
    parkedId,
    letter: buryExpired(envelope, message.expiresAt ?? 0, message, term.rules),
  });
  change.park.push(...announceVoid(envelope, "expired", term.rules));
}

/** Keys whose last parked message went may flow past again. */
async function refreshBlocked(
  term: RelayTerm,
  store: Pick<ParkedStore<never>, "blockedOutgoing">,
): Promise<void> {
  const { blocked } = term.context;
  const now = await store.blockedOutgoing();
  blocked.clear();
  for (const key of now) blocked.add(key);
}

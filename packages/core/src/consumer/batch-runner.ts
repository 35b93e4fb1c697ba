import type { Envelope } from "../message/envelope.ts";
import { decodePayload } from "../message/payload.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { Delivery, Verdict } from "../ports/broker.ts";
import type { EventListener } from "../ports/events.ts";
import type { Applied, ApplyParts } from "./application.ts";
import { trustedEnvelope } from "./application.ts";
import type { BatchItem, BatchRegistration } from "./batch-handler.ts";
import { Deadline } from "./deadline.ts";
import { isStorageTrouble } from "./failure.ts";
import type { Registration } from "./registration.ts";
import type { MessageRunner } from "./message-runner.ts";
import type { RateLimit } from "./rate-limit.ts";
import { sendingIn, type Sending } from "./run-handler.ts";

/** Collects the deliveries of one topic and applies them together, one batch at a time. */
export interface BatchRunner {
  /** Like `MessageRunner.deliver`. What arrives while a batch is in work makes the next one. */
  deliver(delivery: Delivery): Promise<Verdict>;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly settle: (verdict: Verdict | Promise<Verdict>) => void;
}

export interface BatchParts<Tx> {
  readonly apply: ApplyParts<Tx>;
  readonly registration: Registration<Tx>;
  readonly batch: BatchRegistration<Tx>;
  /** Applies a message on its own, with retries, parking and dead letters. */
  readonly single: Pick<MessageRunner, "deliver">;
  readonly limit: RateLimit;
  readonly stopping: AbortSignal;
  readonly emit: EventListener;
}

export function batchRunner<Tx>(parts: BatchParts<Tx>): BatchRunner {
  const { apply, batch, single, limit, stopping, emit } = parts;
  let waiting: Waiting[] = [];
  let running = false;

  async function run(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const now = waiting.slice(0, together(waiting, batch.size));
      waiting = waiting.slice(now.length);
      await limit.take(now.length, stopping);
      await settle(now);
    }
    running = false;
  }

  /** Never rejects. Halves what fails, in order, until a single message is left to the usual way. */
  async function settle(part: readonly Waiting[]): Promise<void> {
    const [first] = part;
    if (first === undefined) return;
    if (stopping.aborted) {
      for (const { settle: answer } of part) answer({ kind: "requeue" });
      return;
    }
    if (part.length === 1) {
      const verdict = single.deliver(first.delivery);
      first.settle(verdict);
      await verdict.catch(() => undefined);
      return;
    }
    try {
      const deadline = new Deadline(apply.timeouts);
      const envelopes = part.map(({ delivery }) => delivery.envelope);
      const applied = await apply.isolation.beside(() =>
        apply.storage.transaction((tx) => applyTogether(tx, envelopes, parts, deadline), {
          signal: deadline,
        }),
      );
      for (const one of applied) emit(one);
      for (const { settle: answer } of part) answer({ kind: "ack" });
    } catch (thrown) {
      const middle = isStorageTrouble(thrown) ? 1 : Math.ceil(part.length / 2);
      await settle(part.slice(0, middle));
      await settle(part.slice(middle));
    }
  }

  return {
    deliver(delivery) {
      return new Promise((resolve) => {
        waiting.push({ delivery, settle: resolve });
        if (!running) void Promise.resolve().then(run);
        running = true;
      });
    },
  };
}

/**
 * How many of those that wait make the next batch. What was delivered before goes on its own: it may have killed the
 * process, and the others are not to be taken for it.
 */
function together(waiting: readonly Waiting[], size: number): number {
  const again = waiting.slice(0, size).findIndex(({ delivery }) => delivery.redelivered);
  return again === -1 ? size : Math.max(1, again);
}

/** One transaction for all: inbox records and effects, without savepoints. */
async function applyTogether<Tx>(
  tx: Tx,
  envelopes: readonly Envelope[],
  parts: BatchParts<Tx>,
  deadline: Deadline,
): Promise<Applied[]> {
  const { apply, registration, batch } = parts;
  const { group, storage, outbox } = apply;
  const ordered = registration.topic.order !== "parking";
  const trusted = envelopes.map((envelope) => trustedEnvelope(envelope, apply.trusted));
  const claims = await storage.inbox.claimMany(
    tx,
    trusted.map((envelope) => ({ group, envelope, ordered: ordered && envelope.key !== null })),
  );
  // Rare, and settled one by one: such a message must not wait for the others, nor they for it.
  if (claims.some((claim) => claim === "behind" || claim === "conflict")) throw new NotTogether();
  const items: BatchItem<typeof registration.topic>[] = [];
  const applied: Applied[] = [];
  for (const [index, envelope] of trusted.entries()) {
    if (claims[index] !== "claimed") {
      applied.push({ type: "message.duplicate", level: "debug", group, message: envelope });
      continue;
    }
    applied.push({ type: "message.applied", level: "debug", group, message: envelope });
    if (envelope.headers[SYSTEM_HEADERS.void] !== undefined) continue;
    items.push({ payload: await decodePayload(registration.topic, envelope), message: envelope });
  }
  if (items.length > 0) {
    const inReplyTo = (message: Envelope): Sending<Tx> => sendingIn(tx, outbox.inReplyTo(message));
    const { signal } = deadline;
    await deadline.within(
      registration.deadlineMs,
      `The batch handler of ${group} for ${registration.topic.name}`,
      async () => batch.handle(items, { group, tx, signal, ...sendingIn(tx, outbox), inReplyTo }),
    );
  }
  return applied;
}

/** A message of the batch wants a transaction of its own. */
class NotTogether extends Error {
  override readonly name = "NotTogether";
}

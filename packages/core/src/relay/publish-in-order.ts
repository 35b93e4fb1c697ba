import { isWaybillError, type WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import { callRefusal } from "./call-refusal.ts";
import type { Broker, PublishResult } from "../ports/broker.ts";
import type { BrokerGate } from "./broker-gate.ts";
import { byKey, orderKeyOf, type OrderOf } from "./key-order.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";

/** A message that the broker refused. */
export interface Refusal {
  readonly envelope: Envelope;
  readonly error: WaybillError;
  readonly retryable: boolean;
}

/** What became of a batch: every message is in exactly one list. */
export interface PublishOutcome {
  readonly confirmed: readonly Envelope[];
  readonly refused: readonly Refusal[];
  /** Not published, because an earlier one of their key waits. */
  readonly behind: readonly Envelope[];
}

export interface PublishContext {
  readonly broker: Broker;
  readonly gate: BrokerGate;
  readonly keeper: LeaseKeeper;
  readonly source: string;
  readonly timeoutMs: number;
  readonly orderOf: OrderOf;
  /** The order keys behind which messages wait; a refusal that may be retried adds its own. */
  readonly blocked: Set<string>;
}

/** At most so many messages in one call, so that those behind the first ones need not wait for the last ones. */
const CALL_MAX = 250;

/**
 * Publishes a batch until every message is confirmed, refused or behind a refused one, in order per key. What is
 * unknown is published again with the same id and position, for as long as the broker is away: nobody's attempts are
 * used up by that.
 *
 * A broker that accepts prefixes gets everything at once. Of others, which may refuse one message and confirm the next,
 * each key has one message unconfirmed at a time, and the next follows its confirm.
 *
 * @throws WaybillError `LEASE_LOST` when the lease passed to another relay; what was confirmed until then stays so
 */
export async function publishInOrder(
  batch: readonly Envelope[],
  context: PublishContext,
): Promise<PublishOutcome> {
  const { broker, gate, keeper } = context;
  const settlement = new Settlement(context);
  let pending = settlement.refuseCalls(settlement.letPass(batch));
  while (pending.length > 0) {
    await gate.opened();
    await keeper.assertHeld();
    const before = settlement.count;
    if (broker.features.prefixAcceptance) settlement.settle(pending, await publishOnce(pending, context));
    else await publishByKey(pending, settlement, context);
    if (settlement.fenced) throw keeper.lose();
    const trouble =
      settlement.takeTrouble() ??
      (settlement.count === before
        ? new Error(`${broker.name} settled none of ${pending.length} messages`)
        : null);
    if (trouble === null) gate.succeeded();
    else gate.failed(trouble);
    pending = settlement.letPass(pending.filter((envelope) => !settlement.has(envelope)));
  }
  return settlement;
}

/** What has become of a batch so far. */
class Settlement implements PublishOutcome {
  readonly confirmed: Envelope[] = [];
  readonly refused: Refusal[] = [];
  readonly behind: Envelope[] = [];
  /** The broker knows a higher epoch. */
  fenced = false;
  readonly #context: PublishContext;
  readonly #settled = new Set<Envelope>();
  #trouble: Error | null = null;

  constructor(context: PublishContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#settled.size;
  }

  get troubled(): boolean {
    return this.#trouble !== null || this.fenced;
  }

  has(envelope: Envelope): boolean {
    return this.#settled.has(envelope);
  }

  /** Why messages were left unknown since it was asked last. */
  takeTrouble(): Error | null {
    const trouble = this.#trouble;
    this.#trouble = null;
    return trouble;
  }

  /** Those that nothing holds up; the others are behind. */
  letPass(envelopes: readonly Envelope[]): readonly Envelope[] {
    const { blocked, orderOf } = this.#context;
    if (blocked.size === 0) return envelopes;
    return envelopes.filter((envelope) => {
      const key = orderKeyOf(envelope, orderOf);
      if (key === null || !blocked.has(key)) return true;
      this.#settled.add(envelope);
      this.behind.push(envelope);
      return false;
    });
  }

  /** Those that the broker understands; calls of libraries that are not its own are refused. */
  refuseCalls(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.filter((envelope) => {
      const error = callRefusal(envelope, this.#context.broker);
      if (error === null) return true;
      this.#settled.add(envelope);
      this.refused.push({ envelope, error, retryable: false });
      return false;
    });
  }

  settle(envelopes: readonly Envelope[], results: readonly PublishResult[]): void {
    const { broker, blocked, orderOf } = this.#context;
    for (const [index, envelope] of envelopes.entries()) {
      const result = results[index] ?? missingResult(broker);
      if (result.kind === "confirmed") {
        this.confirmed.push(envelope);
        this.#settled.add(envelope);
      } else if (result.kind === "rejected") {
        const { error, retryable } = result;
        if (isWaybillError(error, "BROKER_FENCED")) {
          this.fenced = true;
          continue;
        }
        this.refused.push({ envelope, error, retryable });
        this.#settled.add(envelope);
        const key = orderKeyOf(envelope, orderOf);
        if (retryable && key !== null) blocked.add(key);
      } else if (result.kind === "unknown") this.#trouble ??= result.error;
    }
  }
}

/** One message of each key at a time, in calls that overlap. Returns when nothing is in flight any more. */
async function publishByKey(
  pending: readonly Envelope[],
  settlement: Settlement,
  context: PublishContext,
): Promise<void> {
  const { orderOf, keeper } = context;
  const { ready, following } = byKey(pending, orderOf);

  async function call(envelopes: readonly Envelope[]): Promise<void> {
    settlement.settle(envelopes, await publishOnce(envelopes, context));
    await callAll(envelopes.flatMap((envelope) => next(envelope)));
  }

  /** The message that may follow now that this one is confirmed, or refused for good. */
  function next(envelope: Envelope): readonly Envelope[] {
    const key = orderKeyOf(envelope, orderOf);
    const queue = key === null ? undefined : following.get(key);
    if (queue === undefined || !settlement.has(envelope)) return [];
    return settlement.letPass(queue.splice(0, 1));
  }

  async function callAll(envelopes: readonly Envelope[]): Promise<void> {
    if (settlement.troubled || keeper.signal.aborted) return;
    const calls: Promise<void>[] = [];
    for (let from = 0; from < envelopes.length; from += CALL_MAX)
      calls.push(call(envelopes.slice(from, from + CALL_MAX)));
    await Promise.all(calls);
  }

  await callAll(ready);
}

async function publishOnce(
  envelopes: readonly Envelope[],
  context: PublishContext,
): Promise<readonly PublishResult[]> {
  const { broker, keeper, source, timeoutMs } = context;
  const { incarnation, epoch } = keeper.lease;
  try {
    return await broker.publish(envelopes, { fence: { source, incarnation, epoch }, timeoutMs });
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return envelopes.map(() => ({ kind: "unknown", error }));
  }
}

function missingResult(broker: Broker): PublishResult {
  return { kind: "unknown", error: new Error(`${broker.name} gave no result for a message`) };
}

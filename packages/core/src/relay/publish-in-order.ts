import { isWaybillError, type WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import type { Broker, PublishResult } from "../ports/broker.ts";
import type { BrokerGate } from "./broker-gate.ts";
import { firstOfEachKey, orderKeyOf, type OrderOf } from "./key-order.ts";
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

/**
 * Publishes a batch until every message is confirmed, refused or behind a refused one, in order per key. What is
 * unknown is published again with the same id and position, for as long as the broker is away: nobody's attempts are
 * used up by that.
 *
 * @throws WaybillError `LEASE_LOST` when the lease passed to another relay; what was confirmed until then stays so
 */
export async function publishInOrder(
  batch: readonly Envelope[],
  context: PublishContext,
): Promise<PublishOutcome> {
  const { broker, gate, keeper, orderOf, blocked } = context;
  const confirmed: Envelope[] = [];
  const refused: Refusal[] = [];
  const behind: Envelope[] = [];
  let pending = letPass(batch);

  function letPass(envelopes: readonly Envelope[]): readonly Envelope[] {
    if (blocked.size === 0) return envelopes;
    return envelopes.filter((envelope) => {
      const key = orderKeyOf(envelope, orderOf);
      if (key === null || !blocked.has(key)) return true;
      behind.push(envelope);
      return false;
    });
  }

  while (pending.length > 0) {
    await gate.opened();
    await keeper.assertHeld();
    const wave = broker.features.prefixAcceptance ? pending : firstOfEachKey(pending, orderOf);
    const results = await publishOnce(wave, context);
    const settled = new Set<Envelope>();
    let trouble: Error | null = null;
    for (const [index, envelope] of wave.entries()) {
      const result = results[index] ?? missingResult(broker);
      if (result.kind === "confirmed") confirmed.push(envelope);
      else if (result.kind === "rejected") {
        if (isWaybillError(result.error, "BROKER_FENCED")) throw keeper.lose();
        refused.push({ envelope, error: result.error, retryable: result.retryable });
        const key = orderKeyOf(envelope, orderOf);
        if (result.retryable && key !== null) blocked.add(key);
      } else {
        if (result.kind === "unknown") trouble ??= result.error;
        continue;
      }
      settled.add(envelope);
    }
    if (settled.size === 0) trouble ??= new Error(`${broker.name} settled none of ${wave.length} messages`);
    if (trouble === null) gate.succeeded();
    else gate.failed(trouble);
    if (settled.size === pending.length) break;
    pending = letPass(pending.filter((envelope) => !settled.has(envelope)));
  }
  return { confirmed, refused, behind };
}

async function publishOnce(
  wave: readonly Envelope[],
  context: PublishContext,
): Promise<readonly PublishResult[]> {
  const { broker, keeper, source, timeoutMs } = context;
  const { incarnation, epoch } = keeper.lease;
  try {
    return await broker.publish(wave, { fence: { source, incarnation, epoch }, timeoutMs });
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return wave.map(() => ({ kind: "unknown", error }));
  }
}

function missingResult(broker: Broker): PublishResult {
  return { kind: "unknown", error: new Error(`${broker.name} gave no result for a message`) };
}

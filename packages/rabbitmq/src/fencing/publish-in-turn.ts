import type { Envelope, PublishResult } from "@waybill/core";
import { orderOf } from "@waybill/core/internal";
import { HELD, isFenced } from "./refused-orders.ts";

/**
 * Publishes one message of each partition at a time, the next after the confirm of the one before. Behind a refused one
 * the rest of its partition is held; what stands behind an unknown or fenced one is that as well.
 */
export async function publishInTurn(
  batch: readonly Envelope[],
  publish: (batch: readonly Envelope[]) => Promise<readonly PublishResult[]>,
): Promise<readonly PublishResult[]> {
  const results: PublishResult[] = [];
  await Promise.all(
    Array.from(byPartition(batch).values(), async (indexes) => {
      let behind: PublishResult | null = null;
      for (const index of indexes) {
        const result: PublishResult = behind ?? (await publish(batch.slice(index, index + 1)))[0] ?? HELD;
        results[index] = result;
        if (result.kind !== "confirmed")
          behind = result.kind === "unknown" || isFenced(result) ? result : HELD;
      }
    }),
  );
  return results;
}

function byPartition(batch: readonly Envelope[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [index, envelope] of batch.entries()) {
    const order = orderOf(envelope);
    const indexes = found.get(order);
    if (indexes === undefined) found.set(order, [index]);
    else indexes.push(index);
  }
  return found;
}

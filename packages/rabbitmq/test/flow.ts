import { waitFor } from "@waybill/services";
import type { Broker, Envelope } from "@waybill/core";
import { fates } from "./rabbitmq-fixture.ts";

/** Publishes as a relay does: what is not confirmed is published again, in order, with the same id. Answers the fates seen. */
export async function publishUntilConfirmed(
  broker: Broker,
  batch: readonly Envelope[],
  timeoutMs = 5_000,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  let pending = batch;
  await waitFor(
    async () => {
      await broker.open();
      const found = fates(await broker.publish(pending, { fence: null, timeoutMs }));
      for (const fate of found) seen.add(fate);
      const open = found.findIndex((fate) => fate !== "confirmed");
      pending = open < 0 ? [] : pending.slice(open);
      return pending.length === 0;
    },
    { deadlineMs: 60_000, describe: "all to be confirmed" },
  );
  return seen;
}

/** Publishes a long batch in chunks, each until it is confirmed. */
export async function publishAllUntilConfirmed(
  broker: Broker,
  batch: readonly Envelope[],
  timeoutMs = 5_000,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (let from = 0; from < batch.length; from += 500) {
    const fatesOfChunk = await publishUntilConfirmed(broker, batch.slice(from, from + 500), timeoutMs);
    for (const fate of fatesOfChunk) seen.add(fate);
  }
  return seen;
}

/** The ids in the order in which each came first: what an inbox makes of copies. */
export function firsts(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

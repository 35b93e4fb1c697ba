import type { Envelope, PublishResult } from "@waybill/core";

type Publish = (batch: readonly Envelope[]) => Promise<readonly PublishResult[]>;

/** Publishes those of a batch that match in one way and the others in another. The results have the batch's order. */
export async function publishApart(
  batch: readonly Envelope[],
  matches: (envelope: Envelope) => boolean,
  ways: { readonly those: Publish; readonly others: Publish },
): Promise<readonly PublishResult[]> {
  const those = batch.filter((envelope) => matches(envelope));
  if (those.length === 0) return ways.others(batch);
  if (those.length === batch.length) return ways.those(batch);
  const others = batch.filter((envelope) => !matches(envelope));
  const [ofThose, ofOthers] = await Promise.all([ways.those(those), ways.others(others)]);
  let nextOfThose = 0;
  let nextOfOthers = 0;
  return batch.flatMap((envelope) => {
    const result = matches(envelope) ? ofThose[nextOfThose++] : ofOthers[nextOfOthers++];
    return result ?? [];
  });
}

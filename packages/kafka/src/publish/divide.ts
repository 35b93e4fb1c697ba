import type { Sendable } from "./publish-plan.ts";

/** Bounds of what is sent together. */
export interface DivideLimits {
  readonly transactionBytesMax: number;
}

/** Divides messages, in their order, into what fits into one transaction each. */
export function intoTransactions(
  sendables: readonly Sendable[],
  { transactionBytesMax }: DivideLimits,
): Sendable[][] {
  const parts: Sendable[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of sendables) {
    if (bytes + one.bytes > transactionBytesMax) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(one);
    bytes += one.bytes;
  }
  return parts;
}

/** Divides messages into requests in which no partition gets a larger batch than its topic takes. */
export function intoRequests(sendables: readonly Sendable[]): Sendable[][] {
  const requests: Sendable[][] = [];
  let bytes = new Map<string, number>();
  for (const one of sendables) {
    const partition = `${one.place.kafkaTopic}/${one.record.partition}`;
    const before = bytes.get(partition) ?? 0;
    if (requests.length === 0 || before + one.bytes > one.place.batchBytesMax) {
      requests.push([]);
      bytes = new Map();
    }
    requests.at(-1)?.push(one);
    bytes.set(partition, (bytes.get(partition) ?? 0) + one.bytes);
  }
  return requests;
}

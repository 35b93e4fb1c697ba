import type { EngineReport, QueueReport } from "@waybill/broker/queues";

const SHOWN_MAX = 10_000;

/** Every queue, the fullest first, at most 10,000. `omitted` says how many more there are. */
export function queuesJson({ engine }: { readonly engine: EngineReport }): {
  readonly queues: readonly QueueReport[];
  readonly omitted: number;
} {
  const queues = fullestQueues(engine, SHOWN_MAX);
  return { queues, omitted: engine.queues.length - queues.length };
}

export function fullestQueues({ queues }: EngineReport, shownMax: number): readonly QueueReport[] {
  const waiting = ({ messageCount, unsettledCount }: QueueReport): number => messageCount + unsettledCount;
  return queues.toSorted((a, b) => waiting(b) - waiting(a)).slice(0, shownMax);
}

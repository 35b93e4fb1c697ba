import { spawnTs } from "@waybill/services";
import { processorTimes, usedBetween } from "./broker-processor.ts";
import type { Load } from "./broker-load.ts";

const DEADLINE_MS = 180_000;

/** What one load came to. */
export interface Run {
  /** From the first publish to the last acknowledgement and confirm. */
  readonly perSecond: number;
  /** Due to be sent to received. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Published to confirmed, with a window of 1. */
  readonly confirmP50Ms: number;
  /** Processor time of the server's processes for one message. */
  readonly serverMicros: number;
}

/** Publishes and consumes a load at the same time, by two processes. Every message arrives, once, and leaves the queue. */
export async function runLoad(load: Load, serverPids: readonly number[]): Promise<Run> {
  const env = { LOAD: JSON.stringify(load) };
  await using consumer = spawnTs(new URL("broker-consumer-process.ts", import.meta.url), [], { env });
  await consumer.ready();
  const before = processorTimes(serverPids);
  await using publisher = spawnTs(new URL("broker-publisher-process.ts", import.meta.url), [], { env });
  const published = await publisher.line(({ event }) => event === "published", DEADLINE_MS);
  const consumed = await consumer.line(({ event }) => event === "consumed", DEADLINE_MS);
  const serverMs = usedBetween(before, processorTimes(serverPids));
  const number = (line: typeof published, field: string): number => Number(line[field]);
  const endedAt = Math.max(number(published, "endedAt"), number(consumed, "endedAt"));
  return {
    perSecond: (load.messages / (endedAt - number(published, "begunAt"))) * 1_000,
    p50Ms: number(consumed, "p50Ms"),
    p99Ms: number(consumed, "p99Ms"),
    confirmP50Ms: number(published, "confirmP50Ms"),
    serverMicros: (serverMs * 1_000) / load.messages,
  };
}

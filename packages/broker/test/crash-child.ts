import { writeSync } from "node:fs";
import type { Envelope } from "@waybill/core";
import { nativeBroker } from "@waybill/broker";

/**
 * The process that the crash test kills. Publishes messages `from`, `from + 1`, … until it dies, and consumes as group
 * `worker`. Lines on stdout: `a <end>` before a batch up to `end` is published, `c <end>` when it was confirmed,
 * `d <index>` when a message is given to the worker.
 */
const [dataDir = "", from = "0"] = process.argv.slice(2);
const KEYS = 7;
const BATCH = 20;

export function crashMessage(index: number): Envelope {
  const lane = index % KEYS;
  return {
    id: `message-${index}`,
    source: "orders",
    topic: "order.placed",
    version: 1,
    key: `key-${lane}`,
    partition: lane,
    headers: {},
    contentType: "text/plain",
    payload: Buffer.from(`${index} ${"x".repeat((index * 37) % 900)}`),
    createdAt: 1_700_000_000_000,
    position: { incarnation: "crash", sequence: Math.floor(index / KEYS) },
  };
}

/** Not `process.stdout`: what that still holds in memory would die with the process, and an ack would outlive its line. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function publishFrom(start: number): Promise<void> {
  for (let next = start; ; next += BATCH) {
    say(`a ${next + BATCH}`);
    const batch = Array.from({ length: BATCH }, (_, index) => crashMessage(next + index));
    const results = await broker.publish(batch, { fence: null, timeoutMs: 60_000 });
    if (results.some(({ kind }) => kind !== "confirmed")) throw new Error(JSON.stringify(results));
    say(`c ${next + BATCH}`);
  }
}

const broker = nativeBroker({
  dataDir,
  segmentBytes: 256 * 1024,
  fillAheadBytes: 64 * 1024,
  checkpointBytes: 256 * 1024,
});
await broker.open();
await broker.declareGroup("audit", ["order.placed"]);
await broker.subscribe({ group: "worker", topics: ["order.placed"], prefetch: 50 }, async ({ envelope }) => {
  say(`d ${envelope.id.slice("message-".length)}`);
  return { kind: "ack" };
});
await publishFrom(Number(from));

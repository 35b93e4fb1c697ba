import { randomUUID } from "node:crypto";
import { nativeBroker } from "@waybill/broker";
import { partitionOf, type Envelope } from "@waybill/core";
import { say } from "./broker-load.ts";

const CALLERS = 4;
const BATCH = 250;
const PARTITIONS = 32;
const PREFETCH = 2_000;
const payload = Buffer.alloc(1_024, "x");

/** The broker inside this process: published in batches, confirmed after fdatasync, handled and acknowledged by one group. */
const { DATA_DIR, MESSAGES } = process.env;
if (DATA_DIR === undefined || MESSAGES === undefined) throw new Error("set DATA_DIR and MESSAGES");

const messages = Number(MESSAGES);
const incarnation = randomUUID();
const sequences = new Map<number, number>();
const broker = nativeBroker({ dataDir: DATA_DIR });
await broker.open();
await broker.declareGroup("bench", ["measured"]);

let handled = 0;
let published = 0;
const done = Promise.withResolvers<void>();
const subscription = await broker.subscribe(
  { group: "bench", topics: ["measured"], prefetch: PREFETCH },
  async () => {
    handled += 1;
    if (handled === messages) done.resolve();
    return { kind: "ack" };
  },
);

const begun = performance.now();
await Promise.all(Array.from({ length: CALLERS }, publish));
await done.promise;
const seconds = (performance.now() - begun) / 1_000;
say({ event: "done", perSecond: messages / seconds });
await subscription.close();
await broker[Symbol.asyncDispose]();

async function publish(): Promise<void> {
  while (published < messages) {
    const count = Math.min(BATCH, messages - published);
    const batch = Array.from({ length: count }, (_, index) => envelope(published + index));
    published += count;
    const results = await broker.publish(batch, { fence: null, timeoutMs: 30_000 });
    if (results.some(({ kind }) => kind !== "confirmed")) throw new Error("a message was not confirmed");
  }
}

function envelope(index: number): Envelope {
  const id = randomUUID();
  const key = `key-${index % 10_000}`;
  const partition = partitionOf(key, id, PARTITIONS);
  const sequence = sequences.get(partition) ?? 0;
  sequences.set(partition, sequence + 1);
  return {
    id,
    source: "bench",
    topic: "measured",
    version: 1,
    key,
    partition,
    headers: {},
    contentType: "application/json",
    payload,
    createdAt: 0,
    position: { incarnation, sequence },
  };
}

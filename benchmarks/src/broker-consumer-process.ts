import { clientOf } from "./broker-clients.ts";
import { loadFromEnvironment, nowMs, PREFETCH, readBody, say } from "./broker-load.ts";
import { quantile } from "./report.ts";

/** Messages that warm the processes up; their times do not count. */
const WARM_UP_SHARE = 0.2;

/** Consumes its load, each message once, and says how long messages took. */
const load = loadFromEnvironment();
const { messages } = load;
/** Acknowledged in batches where the rate counts, and at once where time counts. */
const batch = load.perSecond === null && load.window > 1 ? PREFETCH / 4 : 1;
const seen = new Uint8Array(messages);
const tookMs: number[] = [];
let received = 0;
let unacknowledged = 0;
const done = Promise.withResolvers<void>();

const consumer = await clientOf(load).connectConsumer(load, (bodies) => {
  const at = nowMs();
  for (const each of bodies) {
    const { index, atMs } = readBody(each);
    if (seen[index] !== 0) throw new Error(`message ${index} came twice, or was never sent`);
    seen[index] = 1;
    if (index >= messages * WARM_UP_SHARE) tookMs.push(at - atMs);
  }
  received += bodies.length;
  unacknowledged += bodies.length;
  if (unacknowledged >= batch || received === messages) {
    consumer.acknowledge();
    unacknowledged = 0;
  }
  if (received === messages) done.resolve();
});
say({ event: "ready" });
await done.promise;
const endedAt = nowMs();
const left = await consumer.finish();
if (left !== 0) throw new Error(`${left} acknowledged messages are still in the queue`);
say({ event: "consumed", endedAt, p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99) });

import { createRelay } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { instantBroker } from "./instant-broker.ts";

/** A process that holds a relay and nothing else: says when the first message was out, and its memory at the end. */
const { DATABASE_URL, MESSAGES } = process.env;
if (DATABASE_URL === undefined || MESSAGES === undefined) throw new Error("set DATABASE_URL and MESSAGES");

const expected = Number(MESSAGES);
const pool = new Pool({ connectionString: DATABASE_URL, max: 3 });
let begun = 0;
let published = 0;
let mostBytes = 0;
const drained = Promise.withResolvers<void>();
const broker = instantBroker((count) => {
  if (published === 0) console.log(JSON.stringify({ event: "first", ms: performance.now() - begun }));
  published += count;
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
  if (published >= expected) drained.resolve();
});
const relay = createRelay({ source: "bench", storage: postgresStorage({ pool }), broker });

begun = performance.now();
await relay.lead();
await drained.promise;
const seconds = (performance.now() - begun) / 1_000;
console.log(JSON.stringify({ event: "drained", published, perSecond: published / seconds, mostBytes }));
await relay.stop();
await pool.end();

import { bridge, describeEvent } from "@waybill/core";
import { setTimeout as after } from "node:timers/promises";
import { Noted } from "../src/index.ts";
import { brokerAt, type BrokerPlace } from "./bridge-broker.ts";

/**
 * A bridge that dies where told: `KILL_AFTER` publishes, when the target has confirmed and the source does not know it.
 * After `HALFWAY` of them it says so. `SLOW_MS` goes by before each.
 */
const { FROM, TO, GROUPS = "", KILL_AFTER, HALFWAY, SLOW_MS = "0" } = process.env;
if (FROM === undefined || TO === undefined) throw new Error("set FROM, TO and GROUPS");

const from = brokerAt(JSON.parse(FROM) as BrokerPlace);
const to = brokerAt(JSON.parse(TO) as BrokerPlace);
const publish = to.publish.bind(to);
let calls = 0;
to.publish = async (batch, options) => {
  await after(Number(SLOW_MS));
  const results = await publish(batch, options);
  calls += 1;
  if (calls === Number(KILL_AFTER)) process.kill(process.pid, "SIGKILL");
  if (calls === Number(HALFWAY)) console.log(JSON.stringify({ event: "halfway" }));
  return results;
};

const report = await bridge({
  from,
  to,
  groups: Object.fromEntries(GROUPS.split(",").map((group) => [group, [Noted.name]])),
  untilIdleMs: 2_000,
  prefetch: 8,
  publishTimeoutMs: 3_000,
  pauseMaxMs: 500,
  onEvent: (event) => console.log(JSON.stringify({ event: event.type, ...describeEvent(event) })),
});
console.log(JSON.stringify({ event: "bridged", ...report }));
await from[Symbol.asyncDispose]();
await to[Symbol.asyncDispose]();

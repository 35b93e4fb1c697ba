import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { SYSTEM_HEADERS } from "@waybill/core";
import { startBed } from "./support/server-bed.ts";
import { fates, history, relayAt } from "./support/relay.ts";

/** Calls of amqplib's `publish` as `outboxed` records them, to queues of the default exchange. */
function callsTo(...queues: readonly string[]): Envelope[] {
  const next = history();
  return queues.flatMap((routingKey) => {
    const call = JSON.stringify({ exchange: "", routingKey, options: {}, unroutable: "retry" });
    const headers = { [SYSTEM_HEADERS.call]: `amqplib ${call}` };
    return next(1).map((envelope) => ({ ...envelope, topic: "amq.default", headers, position: null }));
  });
}

test("calls that a relay repeats are fenced as its own messages are, whatever their exchange is", async () => {
  const bed = await startBed();
  const [old, successor] = [await relayAt(bed.url, 1), await relayAt(bed.url, 2)];
  const channel = await (await bed.connect()).createChannel();
  await channel.assertQueue("jobs");
  expect(fates(await old.broker.publish(callsTo("jobs", "jobs"), old.lease))).toEqual([
    "confirmed",
    "confirmed",
  ]);
  await successor.broker.fence(successor.lease.fence!);
  expect(fates(await old.broker.publish(callsTo("jobs", "jobs"), old.lease))).toEqual([
    "BROKER_FENCED",
    "BROKER_FENCED",
  ]);
  expect(fates(await successor.broker.publish(callsTo("jobs"), successor.lease))).toEqual(["confirmed"]);
  expect((await channel.checkQueue("jobs")).messageCount).toBe(3);
});

test("behind a call that no queue takes, the rest of its partition is held", async () => {
  const bed = await startBed();
  const { broker, lease } = await relayAt(bed.url, 1);
  const channel = await (await bed.connect()).createChannel();
  await channel.assertQueue("jobs");
  const batch = callsTo("jobs", "nowhere", "jobs");
  expect(fates(await broker.publish(batch, lease))).toEqual(["confirmed", "UNROUTABLE", "held"]);
  expect(fates(await broker.publish(batch.slice(2), lease))).toEqual(["confirmed"]);
  expect((await channel.checkQueue("jobs")).messageCount).toBe(2);
});

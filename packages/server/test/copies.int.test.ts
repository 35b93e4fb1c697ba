import { expect, test } from "vitest";
import { waitFor } from "@waybill/services";
import { startBed } from "./support/server-bed.ts";
import { fates, history, leaseOf, relayAt, storedIds } from "./support/relay.ts";
import { valveOn } from "./support/valve.ts";

test("a message whose confirm was lost with the connection is stored once when it is published again", async () => {
  const valve = valveOn();
  const bed = await startBed({ wrap: valve.wrap });
  const { broker } = await relayAt(bed.url, 1);
  const batch = history()(50);
  valve.close();
  expect(new Set(fates(await broker.publish(batch, leaseOf(1, 300))))).toEqual(new Set(["unknown"]));
  valve.open();
  await waitFor(async () => (await broker.health()).status === "up");
  const again = await broker.publish(batch, leaseOf(1));
  expect(new Set(fates(again))).toEqual(new Set(["confirmed"]));
  expect(await storedIds(bed.url)).toEqual(batch.map(({ id }) => id));
});

test("what a relay published before another took over is confirmed to it, and what it publishes later is not", async () => {
  const valve = valveOn();
  const bed = await startBed({ wrap: valve.wrap });
  const [old, successor] = [await relayAt(bed.url, 1), await relayAt(bed.url, 2)];
  const batch = history()(4_000);
  await old.broker.publish(batch.slice(0, 10), old.lease);
  valve.close();
  const waiting = old.broker.publish(batch.slice(10, 20), old.lease);
  await waitFor(() => valve.waiting > 0);
  const raised = successor.broker.fence({ ...successor.lease.fence!, epoch: 2 });
  await waitFor(() => valve.waiting > 1);
  // Both are on the disk, and neither knows yet.
  const late = old.broker.publish(batch.slice(20), old.lease);
  await waitFor(() => valve.waiting > 2);
  valve.open();
  await raised;
  expect(new Set(fates(await waiting))).toEqual(new Set(["confirmed"]));
  expect(new Set(fates(await late))).toEqual(new Set(["BROKER_FENCED"]));
  const taken = await successor.broker.publish(batch.slice(10), successor.lease);
  expect(new Set(fates(taken))).toEqual(new Set(["confirmed"]));
  expect(await storedIds(bed.url)).toEqual(batch.map(({ id }) => id));
});

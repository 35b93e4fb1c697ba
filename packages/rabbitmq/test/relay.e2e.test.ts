import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createWaybill, defineTopic, memoryStorage } from "@waybill/core";
import type { WaybillEvent } from "@waybill/core";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { startRabbitmq, waitFor, whyNoRabbitmq } from "@waybill/services";
import { testServer } from "@waybill/services/vitest";
import { rabbitmqctl } from "./rabbitmqctl.ts";

const server = testServer("rabbitmq", whyNoRabbitmq({ own: true }), startRabbitmq);

const Counted = defineTopic("counted", {
  version: 1,
  schema: z.object({ key: z.string(), count: z.number() }),
  key: ({ key }) => key,
});

test("while the server is short of memory the relay pauses: no message is parked or dead, and all arrive after it", async () => {
  const events: WaybillEvent[] = [];
  const source = `orders-${randomUUID()}`;
  const waybill = createWaybill({
    source,
    storage: memoryStorage({ source }),
    broker: rabbitmqBroker({ url: server().url, exchange: source, queuePrefix: `${source}.` }),
    relay: { publishTimeoutMs: 500, pauseMaxMs: 200 },
    onEvent: (event) => void events.push(event),
  });
  onTestFinished(() => waybill.stop({ deadlineMs: 1_000 }));
  const counts: number[] = [];
  waybill.consumer("counting").on(Counted, ({ count }) => void counts.push(count));
  await waybill.start();
  const send = (count: number): Promise<unknown> =>
    waybill.runInTransaction((tx) => waybill.send(tx, Counted, { key: "k", count }));
  await send(0);
  await waitFor(() => counts.length === 1);

  await rabbitmqctl(server(), "set_vm_memory_high_watermark", "absolute", "1MB");
  try {
    for (let count = 1; count <= 20; count += 1) await send(count);
    await waitFor(async () => (await waybill.health()).broker?.status === "blocked", { deadlineMs: 20_000 });
    await waitFor(() => events.filter(({ type }) => type === "relay.paused").length >= 3, {
      deadlineMs: 20_000,
    });
    expect(counts).toEqual([0]);
  } finally {
    await rabbitmqctl(server(), "set_vm_memory_high_watermark", "0.8");
  }
  await waitFor(() => counts.length === 21, { deadlineMs: 30_000 });
  expect(counts).toEqual(Array.from({ length: 21 }, (_, count) => count));
  const failed = events.filter(({ type }) => type === "message.parked" || type === "message.dead");
  expect(failed).toEqual([]);
});

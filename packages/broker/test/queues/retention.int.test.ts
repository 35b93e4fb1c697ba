import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { QueueEngineEvent } from "@waybill/broker/queues";
import type { Client } from "./engine-fixture.ts";
import { numbered, openClient, openMortal, temporaryDirectory, textOf, WAIT } from "./engine-fixture.ts";

const SMALL = {
  segmentBytes: 64 * 1024,
  fillAheadBytes: 32 * 1024,
  checkpointBytes: 64 * 1024,
  messageBytesMax: 16_384,
};
const BODY = "x".repeat(1000);

async function segmentsOf(client: Client): Promise<number> {
  return (await client.engine.report()).segmentCount;
}

/** Publishes this much and acknowledges all of it. */
async function passThrough(client: Client, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 50) {
    await client.send("busy", ...numbered(0, 50).map(() => BODY));
    expect(await client.drain("busy")).toHaveLength(50);
  }
}

test("segments go when nothing in them lives", async () => {
  const client = await openClient(await temporaryDirectory(), SMALL);
  await client.declare("busy");
  await passThrough(client, 1000);
  await vi.waitFor(async () => expect(await segmentsOf(client)).toBeLessThan(8), WAIT);
});

test("stragglers are copied forward, delivered once, in order, also after a crash and a restart", async () => {
  const dataDir = await temporaryDirectory();
  const { client: first, kill } = await openMortal(dataDir, SMALL);
  await first.declare("busy");
  await first.declare("slow", { "x-queue-type": "quorum" });
  await first.send("slow", "unsettled");
  const held = await first.session.get("slow", false);
  expect(held && textOf(held)).toBe("unsettled");
  for (const text of numbered(0, 20)) {
    await first.send("slow", text);
    await passThrough(first, 100);
  }
  // 2 MB went by in segments of 64 KiB, and each old one holds two messages at most.
  await vi.waitFor(async () => {
    await passThrough(first, 50);
    expect(await segmentsOf(first)).toBeLessThan(12);
  }, WAIT);
  await kill();
  const second = await openClient(dataDir, SMALL);
  expect(second.count("slow")).toBe(21);
  // The last acknowledgements before the kill may not be on disk: these messages come again.
  await second.drain("busy");
  await passThrough(second, 500);
  await second.engine.close();
  const third = await openClient(dataDir, SMALL);
  expect(await third.drain("slow")).toEqual(["unsettled", ...numbered(0, 20)]);
});

test("a consumer that never acknowledges is reported by its queue when it keeps too much on disk", async () => {
  const events: QueueEngineEvent[] = [];
  const options = {
    ...SMALL,
    backlogAlarmBytes: 512 * 1024,
    onEvent: (event: QueueEngineEvent) => events.push(event),
  };
  const client = await openClient(await temporaryDirectory(), options);
  await client.declare("stuck");
  await client.consume("stuck");
  for (let batch = 0; batch < 20; batch += 1) await client.send("stuck", ...numbered(0, 60).map(() => BODY));
  await vi.waitFor(
    () =>
      expect(events).toContainEqual(
        expect.objectContaining({
          type: "engine.backlog",
          virtualHost: "/",
          queue: "stuck",
          unsettledCount: expect.any(Number),
          keptBytes: expect.any(Number),
        }),
      ),
    WAIT,
  );
});

test("without its checkpoint, or with a damaged one, an engine finds everything from the log alone", async () => {
  const dataDir = await temporaryDirectory();
  const first = await openClient(dataDir, SMALL);
  await first.declare("busy");
  await first.declare("kept");
  await first.send("kept", ...numbered(0, 10));
  await passThrough(first, 1000);
  await first.engine.close();
  await rm(join(dataDir, "checkpoint"));
  const client = await openClient(dataDir, SMALL);
  expect(await client.drain("kept")).toEqual(numbered(0, 10));
  expect(client.count("busy")).toBe(0);
});

test("unsettled and dying messages are in a checkpoint too", async () => {
  const dataDir = await temporaryDirectory();
  const { client, kill } = await openMortal(dataDir, SMALL);
  await client.declare("busy");
  await client.declare("q");
  await client.send("q", ...numbered(0, 5));
  await client.session.get("q", false);
  await client.session.get("q", false);
  client.session.ack(1, false);
  await passThrough(client, 300);
  await vi.waitFor(async () => expect(await segmentsOf(client)).toBeLessThan(8), WAIT);
  await kill();
  const later = await openClient(dataDir, SMALL);
  const got = await later.session.get("q", true);
  expect(got).toMatchObject({ redelivered: true, messageCount: 3 });
  expect(got && textOf(got)).toBe("1");
});

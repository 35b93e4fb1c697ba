import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { NativeBrokerEvent } from "@waybill/broker";
import {
  brokerIn,
  collect,
  crashCopy,
  INCARNATION,
  kinds,
  message,
  messages,
  NO_FENCE,
  openBroker,
  temporaryDirectory,
  TOPIC,
} from "./broker-fixture.ts";

const WAIT = { timeout: 8000, interval: 5 };
const SMALL = { segmentBytes: 16_384, fillAheadBytes: 8192, checkpointBytes: 16_384 };

describe("after a crash", () => {
  test("only messages before the delivery horizon are marked as redelivered", async () => {
    const dataDir = await temporaryDirectory();
    const broker = await openBroker(dataDir);
    await broker.publish(messages(0, 3000), NO_FENCE);
    const first = await broker.subscribe(
      { group: "g", topics: [TOPIC], prefetch: 10 },
      () => new Promise(() => {}),
    );
    await vi.waitFor(async () => {
      const again = await openBroker(await crashCopy(dataDir));
      const { deliveries, close } = await collect(again);
      await vi.waitFor(() => expect(deliveries).toHaveLength(3000), WAIT);
      await close();
      const marked = deliveries.filter(({ redelivered }) => redelivered).length;
      expect(deliveries.slice(0, marked).every(({ redelivered }) => redelivered)).toBe(true);
      expect(marked).toBeGreaterThanOrEqual(10);
    }, WAIT);
    await first.close({ deadlineMs: 0 });
  });

  test("messages that were published after it are not marked, although the horizon lies ahead of them", async () => {
    const dataDir = await temporaryDirectory();
    const broker = await openBroker(dataDir);
    const before = await collect(broker);
    await broker.publish(messages(0, 8), NO_FENCE);
    await vi.waitFor(() => expect(before.ids).toHaveLength(8), WAIT);
    const again = await openBroker(await crashCopy(dataDir));
    await again.publish(messages(8, 16), NO_FENCE);
    const after = await collect(again);
    await vi.waitFor(() => expect(after.ids).toContain("message-15"), WAIT);
    const fresh = after.deliveries.filter(({ envelope }) => Number(envelope.id.slice(8)) >= 8);
    expect(fresh.map(({ redelivered }) => redelivered)).toEqual(fresh.map(() => false));
  });

  test("a lost acknowledgement only means that the message comes again", async () => {
    const dataDir = await temporaryDirectory();
    const broker = await openBroker(dataDir, { ackFlushMs: 60_000 });
    const consumer = await collect(broker);
    await broker.publish(messages(0, 20), NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(20), WAIT);
    const again = await collect(await openBroker(await crashCopy(dataDir)));
    await vi.waitFor(() => expect(again.ids).toEqual(messages(0, 20).map(({ id }) => id)), WAIT);
    expect(again.deliveries.every(({ redelivered }) => redelivered)).toBe(true);
  });
});

describe("checkpoints and retention", () => {
  test("segments go once every group acknowledged them, and not before", async () => {
    const dataDir = await temporaryDirectory();
    const broker = await openBroker(dataDir, SMALL);
    await broker.declareGroup("slow", [TOPIC]);
    const fast = await collect(broker);
    for (let from = 0; from < 1000; from += 50) await broker.publish(messages(from, from + 50), NO_FENCE);
    await vi.waitFor(() => expect(fast.ids).toHaveLength(1000), WAIT);
    expect(await readdir(join(dataDir, "log"))).toContain("00000000000000000000.log");
    const slow = await collect(broker, undefined, "slow");
    await vi.waitFor(() => expect(slow.ids).toHaveLength(1000), WAIT);
    await broker[Symbol.asyncDispose]();
    expect((await readdir(join(dataDir, "log"))).length).toBeLessThan(4);
  });

  test.each(["missing", "damaged"] as const)(
    "with its checkpoint %s the log alone says everything, although its oldest segments are gone",
    async (state) => {
      const dataDir = await temporaryDirectory();
      const broker = await openBroker(dataDir, SMALL);
      await broker.fence({ source: "orders", incarnation: INCARNATION, epoch: 7 });
      const consumer = await collect(broker);
      for (let from = 0; from < 600; from += 50) await broker.publish(messages(from, from + 50), NO_FENCE);
      await vi.waitFor(() => expect(consumer.ids).toHaveLength(600), WAIT);
      await broker[Symbol.asyncDispose]();
      expect(await readdir(join(dataDir, "log"))).not.toContain("00000000000000000000.log");
      const checkpoint = join(dataDir, "checkpoint");
      await (state === "missing" ? rm(checkpoint) : writeFile(checkpoint, "waybill-checkpoint 1 9 9 0\n"));
      const events: NativeBrokerEvent[] = [];
      const again = brokerIn(dataDir, { ...SMALL, onEvent: (event) => events.push(event) });
      await again.open();
      const stale = { source: "orders", incarnation: INCARNATION, epoch: 6 };
      await expect(again.fence(stale)).rejects.toMatchObject({ code: "BROKER_FENCED" });
      // The latest messages are known by their ids; the group exists and has nothing left.
      expect(kinds(await again.publish(messages(560, 610), NO_FENCE))).toEqual(Array(50).fill("confirmed"));
      const rest = await collect(again);
      await vi.waitFor(() => expect(rest.ids.at(-1)).toBe("message-609"), WAIT);
      expect(events.map(({ type }) => type)).toEqual(
        state === "missing" ? [] : ["broker.checkpoint-ignored"],
      );
    },
  );

  test("a group that never acknowledges is named before the disk is full", async () => {
    const events: NativeBrokerEvent[] = [];
    const options = {
      ...SMALL,
      backlogAlarmBytes: 50_000,
      onEvent: (event: NativeBrokerEvent) => events.push(event),
    };
    const broker = await openBroker(await temporaryDirectory(), options);
    await broker.declareGroup("idle", [TOPIC]);
    const consumer = await collect(broker);
    for (let from = 0; from < 1000; from += 50) await broker.publish(messages(from, from + 50), NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(1000), WAIT);
    await broker[Symbol.asyncDispose]();
    expect(events.at(-1)).toMatchObject({ type: "broker.backlog", group: "idle" });
  });

  test("a backlog far larger than the window is delivered completely and in order", async () => {
    const broker = await openBroker(await temporaryDirectory(), { windowMessagesMax: 16 });
    for (let from = 0; from < 3000; from += 500) await broker.publish(messages(from, from + 500), NO_FENCE);
    const consumer = await collect(broker);
    await broker.publish(messages(3000, 3100), NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(3100), WAIT);
    expect(consumer.ids).toEqual(messages(0, 3100).map(({ id }) => id));
  });
});

describe("positions after a restart", () => {
  test("a delayed message that is published after 1,000 later ones is delivered", async () => {
    const dataDir = await temporaryDirectory();
    const broker = await openBroker(dataDir);
    const later = messages(0, 4004).filter(({ id }) => id !== "message-1");
    await broker.publish(later, NO_FENCE);
    await broker[Symbol.asyncDispose]();
    const again = await openBroker(dataDir);
    await again.publish([message(1)], NO_FENCE);
    const consumer = await collect(again);
    await vi.waitFor(() => expect(consumer.ids.at(-1)).toBe("message-1"), WAIT);
    expect(consumer.ids).toHaveLength(4004);
  });
});

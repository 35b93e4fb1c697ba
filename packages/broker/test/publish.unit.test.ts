import { describe, expect, test, vi } from "vitest";
import type { NativeBrokerEvent } from "@waybill/broker";
import { nodeFileSystem } from "@waybill/log";
import { FaultyFileSystem } from "@waybill/log/testing";
import {
  brokerIn,
  collect,
  kinds,
  message,
  messages,
  NO_FENCE,
  openBroker,
  temporaryDirectory,
  TOPIC,
} from "./broker-fixture.ts";

const WAIT = { timeout: 8000, interval: 5 };

describe("confirms", () => {
  test("a copy is confirmed only once its original is durable", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const broker = await openBroker(await temporaryDirectory(), { fileSystem });
    const gate = Promise.withResolvers<void>();
    fileSystem.holdSyncs(gate.promise);
    let settled = 0;
    const publishes = [message(0), message(0)].map((one) =>
      broker.publish([one], NO_FENCE).then((results) => {
        settled += 1;
        return results;
      }),
    );
    const writes = fileSystem.calls.get("write") ?? 0;
    await vi.waitFor(() => expect(fileSystem.calls.get("write")).toBeGreaterThan(writes), WAIT);
    expect(settled).toBe(0);
    gate.resolve();
    expect((await Promise.all(publishes)).flatMap(kinds)).toEqual(["confirmed", "confirmed"]);
  });

  test("what is not durable when its time is over is unknown", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const broker = await openBroker(await temporaryDirectory(), { fileSystem });
    const gate = Promise.withResolvers<void>();
    fileSystem.holdSyncs(gate.promise);
    expect(kinds(await broker.publish(messages(0, 2), { fence: null, timeoutMs: 1 }))).toEqual([
      "unknown",
      "unknown",
    ]);
    gate.resolve();
    expect(kinds(await broker.publish(messages(0, 2), NO_FENCE))).toEqual(["confirmed", "confirmed"]);
    const consumer = await collect(broker);
    await broker.publish([message(2)], NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toEqual(["message-0", "message-1", "message-2"]), WAIT);
  });
});

describe("positions", () => {
  test("new messages on reused positions are delivered, and reported", async () => {
    const events: NativeBrokerEvent[] = [];
    const broker = await openBroker(await temporaryDirectory(), { onEvent: (event) => events.push(event) });
    const consumer = await collect(broker);
    await broker.publish(messages(0, 20), NO_FENCE);
    const restored = messages(10, 30).map((one) => ({ ...one, id: `restored-${one.id}` }));
    expect(kinds(await broker.publish(restored, NO_FENCE))).toEqual(Array(20).fill("confirmed"));
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(40), WAIT);
    expect(consumer.ids.slice(20)).toEqual(restored.map(({ id }) => id));
    expect(events.map((event) => event.type === "broker.position-reused" && event.storedId)).toEqual(
      messages(10, 20).map(({ id }) => id),
    );
  });

  test("a position whose id is no longer remembered is delivered again rather than swallowed", async () => {
    const broker = await openBroker(await temporaryDirectory());
    const consumer = await collect(broker);
    await broker.publish(messages(0, 6000), NO_FENCE);
    await broker.publish([message(0)], NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(6001), WAIT);
    expect(consumer.ids.at(-1)).toBe("message-0");
  });
});

describe("a disk that fails", () => {
  test("after a failed fdatasync nothing is confirmed until the broker is opened again; then all goes on", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const events: NativeBrokerEvent[] = [];
    const broker = await openBroker(await temporaryDirectory(), {
      fileSystem,
      onEvent: (event) => events.push(event),
    });
    const consumer = await collect(broker);
    await broker.publish([message(0)], NO_FENCE);
    await vi.waitFor(() => expect(consumer.ids).toEqual(["message-0"]), WAIT);
    fileSystem.arm({ operation: "dataSync", nth: 1, error: new Error("EIO: i/o error") });
    const results = await broker.publish(messages(1, 9), NO_FENCE);
    expect(kinds(results)).toEqual(Array(8).fill("unknown"));
    expect(results[0]).toMatchObject({ error: { code: "BROKER_UNAVAILABLE", retryable: true } });
    expect(kinds(await broker.publish([message(9)], NO_FENCE))).toEqual(["unknown"]);
    expect(await broker.health()).toMatchObject({ status: "down", detail: expect.stringContaining("EIO") });
    await expect(broker.declareGroup("h", [TOPIC])).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
    await broker.open();
    expect(await broker.health()).toEqual({ status: "up", detail: "" });
    expect(kinds(await broker.publish(messages(1, 10), NO_FENCE))).toEqual(Array(9).fill("confirmed"));
    await vi.waitFor(() => expect(new Set(consumer.ids).size).toBe(10), WAIT);
    expect(events.map(({ type }) => type)).toContain("broker.failed");
  });

  test("a queue that is full refuses for now, and forgets nothing when the message comes again", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const broker = await openBroker(await temporaryDirectory(), { fileSystem, queueBytesMax: 4096 });
    const consumer = await collect(broker);
    const gate = Promise.withResolvers<void>();
    fileSystem.holdSyncs(gate.promise);
    const large = (index: number) => message(index, { payload: Buffer.alloc(700_000) });
    const publishes = [0, 1, 2, 3, 4, 5].map((index) => broker.publish([large(index)], NO_FENCE));
    const refusedLate = await broker.publish([large(6)], NO_FENCE);
    expect(kinds(refusedLate)).toEqual(["BROKER_REFUSED"]);
    gate.resolve();
    const fates = (await Promise.all(publishes)).flatMap(kinds);
    for (let index = 0; index < 7; index += 1) await broker.publish([large(index)], NO_FENCE);
    await vi.waitFor(() => expect(new Set(consumer.ids).size).toBe(7), WAIT);
    expect(fates).toContain("BROKER_REFUSED");
    expect(await broker.health()).toEqual({ status: "up", detail: "" });
  });

  test("a full disk refuses publishes for now, lets consumers go on, and takes publishes again", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const broker = await openBroker(await temporaryDirectory(), { fileSystem, segmentBytes: 65_536 });
    const zeros = (bytes: Uint8Array): boolean => bytes.length > 64 && bytes.every((byte) => byte === 0);
    fileSystem.arm({
      operation: "write",
      nth: 1,
      sticky: true,
      matches: zeros,
      error: new Error("ENOSPC: no space left"),
    });
    let refused: string[] = [];
    let taken = 0;
    for (; refused.length === 0 && taken < 1000; taken += 10) {
      const results = kinds(await broker.publish(messages(taken, taken + 10), NO_FENCE));
      refused = results.filter((kind) => kind !== "confirmed");
    }
    // The first of each partition is told, the rest is held.
    expect(refused).toEqual([...Array(4).fill("BROKER_REFUSED"), ...Array(6).fill("held")]);
    expect(await broker.health()).toMatchObject({
      status: "blocked",
      detail: expect.stringContaining("space"),
    });
    const consumer = await collect(broker);
    await vi.waitFor(() => expect(consumer.ids).toHaveLength(taken - 10), WAIT);
    fileSystem.arm(null);
    await vi.waitFor(async () => {
      expect(kinds(await broker.publish([message(taken - 10)], NO_FENCE))).toEqual(["confirmed"]);
    }, WAIT);
  });
});

describe("open", () => {
  test("a broker that was only constructed has touched nothing, and answers unknown", async () => {
    const dataDir = `${await temporaryDirectory()}/nothing`;
    const broker = brokerIn(dataDir);
    expect(kinds(await broker.publish([message(0)], NO_FENCE))).toEqual(["unknown"]);
    await expect(nodeFileSystem.list(dataDir)).rejects.toThrow("ENOENT");
  });

  test("a directory that another broker has is refused with its pid and the advice", async () => {
    const dataDir = await temporaryDirectory();
    await openBroker(dataDir);
    const second = brokerIn(dataDir).open();
    await expect(second).rejects.toMatchObject({ code: "DATA_DIR_OWNED" });
    await expect(second).rejects.toThrow(new RegExp(`process ${process.pid}.*one worker.*server`));
  });

  test("unknown options are refused with the known ones in the message", () => {
    const options = { dataDir: "x", dataDirectory: "y" };
    expect(() => brokerIn("x", options)).toThrow(/dataDirectory is not known: remove it; known are dataDir/);
  });
});

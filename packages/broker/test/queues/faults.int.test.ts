import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { nodeFileSystem } from "@waybill/log";
import { FaultyFileSystem } from "@waybill/log/testing";
import { openQueueEngine } from "@waybill/broker/queues";
import { Client, numbered, openClient, openEngine, temporaryDirectory, WAIT } from "./engine-fixture.ts";
import { SmallDisk } from "./small-disk.ts";

const SMALL = { segmentBytes: 8192, fillAheadBytes: 4096, messageBytesMax: 4096, checkpointBytes: 8192 };
const COUNT = 60;
const WAIT_OFTEN = { ...WAIT, interval: 0 };

/** Publishes until something fails; answers how many were confirmed. */
async function publishUntilFailure(client: Client, hasFailed: () => boolean): Promise<number> {
  for (let next = 0; next < COUNT; next += 5) {
    for (const text of numbered(next, next + 5)) {
      // Zeros that could not be written ahead are tried again, and until then messages are refused.
      const isTaken = (): boolean => hasFailed() || client.publish("q", text.padEnd(300)) === "routed";
      await vi.waitUntil(isTaken, WAIT);
    }
    try {
      await client.engine.flush();
    } catch {
      return next;
    }
    await setImmediate();
  }
  return COUNT;
}

test.each(["write", "dataSync", "rename", "syncDirectory"] as const)(
  "whichever %s fails, what was confirmed is there afterwards, in order, and nothing else",
  async (operation) => {
    let failures = 0;
    for (let nth = 1; nth <= 12; nth += 1) {
      const dataDir = await temporaryDirectory();
      const fileSystem = new FaultyFileSystem(nodeFileSystem);
      const client = await openClient(dataDir, { ...SMALL, fileSystem });
      await client.declare("q");
      const failed = vi.fn<(error: Error) => void>();
      client.engine.onFailed = failed;
      fileSystem.arm({ operation, nth, error: new Error("EIO: i/o error"), tornBytes: 21 });
      const confirmed = await publishUntilFailure(client, () => failed.mock.calls.length > 0);
      const hasFailed = confirmed < COUNT;
      await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(hasFailed ? 1 : 0), WAIT);
      expect(client.publish("q", "afterwards")).toBe(hasFailed ? "refused" : "routed");
      failures += hasFailed ? 1 : 0;
      await client.engine.close();
      const later = await openClient(dataDir, SMALL);
      const texts = (await later.drain("q")).map((text) => text.trim());
      expect(texts.length, `${operation} ${nth}`).toBeGreaterThanOrEqual(confirmed);
      expect(texts.filter((text) => text !== "afterwards")).toEqual(
        numbered(0, Math.min(COUNT, texts.length)),
      );
      await later.engine.close();
    }
    // A rename that fails may hit only a checkpoint, which the log does without.
    expect(failures).toBeGreaterThanOrEqual(operation === "rename" ? 0 : 1);
  },
);

test("on a full disk publishers are refused and told, consumers go on, and it ends by itself", async () => {
  const fileSystem = new FaultyFileSystem(nodeFileSystem);
  const engine = await openEngine(await temporaryDirectory(), {
    fileSystem,
    segmentBytes: 4 * 1024 * 1024,
    fillAheadBytes: 2 * 1024 * 1024,
  });
  const client = new Client(engine, await engine.createVirtualHost("/"));
  await client.declare("q");
  const blocked: (string | null)[] = [];
  engine.onBlocked = (reason) => blocked.push(reason);
  // Only zeros cannot be written any more: that is what takes new space.
  fileSystem.arm({
    operation: "write",
    nth: 1,
    error: new Error("ENOSPC: no space left on device"),
    sticky: true,
    matches: (bytes) => bytes[0] === 0 && bytes.length > 60_000,
  });
  let accepted = 0;
  const body = "x".repeat(50_000);
  await vi.waitFor(async () => {
    const verdict = client.publish("q", body);
    await engine.flush();
    if (verdict === "routed") accepted += 1;
    expect(verdict).toBe("refused");
  }, WAIT);
  expect(blocked).toHaveLength(1);
  expect(blocked[0]).toContain("ENOSPC");
  expect((await engine.report()).blockedBy).toContain("ENOSPC");
  await client.consume("q");
  await vi.waitFor(() => expect(client.deliveries).toHaveLength(accepted), WAIT);
  client.session.ack(0, true);
  fileSystem.arm(null);
  await vi.waitFor(() => expect(blocked).toEqual([expect.anything(), null]), WAIT);
  expect(client.publish("q", "again")).toBe("routed");
  await engine.flush();
  await vi.waitFor(() => expect(client.texts.at(-1)).toBe("again"), WAIT);
});

test.each([8, 10])(
  "a disk of %i MiB that is full to the last block is free again when what is on it was consumed",
  async (sizeMib) => {
    const fileSystem = new SmallDisk(sizeMib * 1024 * 1024);
    const dataDir = await temporaryDirectory();
    const sizes = { segmentBytes: 1024 * 1024, fillAheadBytes: 512 * 1024 };
    const client = await openClient(dataDir, { fileSystem, ...sizes });
    await client.declare("q");
    await client.declare("old");
    await client.send("old", "straggler");
    const body = "x".repeat(50_000);
    for (let round = 0; round < 2; round += 1) {
      let stored = 0;
      await vi.waitFor(async () => {
        const verdict = client.publish("q", body);
        await client.engine.flush();
        stored += verdict === "routed" ? 1 : 0;
        expect(verdict).toBe("refused");
      }, WAIT_OFTEN);
      expect(stored).toBeGreaterThan(20);
      expect(await client.drain("q")).toHaveLength(stored);
      await vi.waitFor(async () => expect((await client.engine.report()).blockedBy).toBeNull(), WAIT);
    }
    await client.engine.close();
    const later = await openClient(dataDir, sizes);
    expect([later.count("old"), later.count("q")]).toEqual([1, 0]);
  },
);

test("a directory of the embedded broker is refused, and says what to do", async () => {
  const { nativeBroker } = await import("@waybill/broker");
  const dataDir = await temporaryDirectory();
  const broker = nativeBroker({ dataDir });
  await broker.open();
  await broker.declareGroup("g", ["t"]);
  await broker[Symbol.asyncDispose]();
  await expect(openQueueEngine({ dataDir })).rejects.toMatchObject({
    code: "DATA_DIR_DAMAGED",
    message: expect.stringContaining("it belongs to an embedded broker"),
  });
});

test("a second engine on the same directory is refused with the pid of the owner", async () => {
  const dataDir = await temporaryDirectory();
  await openEngine(dataDir);
  await expect(openQueueEngine({ dataDir })).rejects.toMatchObject({
    code: "DATA_DIR_OWNED",
    message: expect.stringContaining(String(process.pid)),
  });
});

test("a message that is too large, or has an expiration that is no number, is refused", async () => {
  const client = await openClient(await temporaryDirectory(), SMALL);
  await client.declare("q");
  expect(() => client.publish("q", "x".repeat(5000))).toThrow("PRECONDITION_FAILED - message size");
  expect(() => client.publish("q", "1", { expiration: "soon" })).toThrow("invalid expiration 'soon'");
  expect(client.count("q")).toBe(0);
});

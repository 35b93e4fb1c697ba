import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { Broker } from "@waybill/core";
import { nodeFileSystem } from "@waybill/log";
import { FaultyFileSystem } from "@waybill/log/testing";
import { storedMessages } from "@waybill/broker/internal";
import { collect, messages, NO_FENCE, openBroker, temporaryDirectory } from "./broker-fixture.ts";

const WAIT = { timeout: 8000, interval: 5 };
const COUNT = 80;
const ATTEMPTS_MAX = 100;

/** Publishes as a relay does: what was not confirmed is published again, in order, after opening again. */
async function publishLikeRelay(broker: Broker): Promise<void> {
  let next = 0;
  for (let attempt = 0; next < COUNT;) {
    const results = await broker.publish(messages(next, Math.min(next + 8, COUNT)), NO_FENCE);
    const unconfirmed = results.findIndex(({ kind }) => kind !== "confirmed");
    next += unconfirmed === -1 ? results.length : unconfirmed;
    if (unconfirmed === -1) continue;
    attempt += 1;
    if (attempt > ATTEMPTS_MAX) throw new Error(`${JSON.stringify(results)} after ${attempt} attempts`);
    await setImmediate();
    await broker.open().catch(() => {});
  }
}

test.each(["write", "dataSync", "rename", "syncDirectory"] as const)(
  "whichever %s fails, after opening again every message is stored once and delivered in order",
  async (operation) => {
    for (let nth = 1; nth <= 10; nth += 1) {
      const dataDir = await temporaryDirectory();
      const fileSystem = new FaultyFileSystem(nodeFileSystem);
      const sizes = { segmentBytes: 8192, fillAheadBytes: 4096, checkpointBytes: 1024 * 1024 };
      const broker = await openBroker(dataDir, { fileSystem, ...sizes });
      const consumer = await collect(broker);
      fileSystem.arm({ operation, nth, error: new Error("EIO: i/o error"), tornBytes: 21 });
      await publishLikeRelay(broker);
      await vi.waitFor(() => expect(new Set(consumer.ids).size).toBe(COUNT), WAIT);
      const firstSeen = [...new Set(consumer.ids)];
      for (let partition = 0; partition < 4; partition += 1) {
        const expected = messages(0, COUNT).filter((one) => one.partition === partition);
        const mine = new Set(expected.map(({ id }) => id));
        expect(firstSeen.filter((id) => mine.has(id))).toEqual(expected.map(({ id }) => id));
      }
      await broker[Symbol.asyncDispose]();
      const stored = await Array.fromAsync(storedMessages(dataDir), ({ envelope }) => envelope.id);
      const expected = messages(0, COUNT).map(({ id }) => id);
      // A segment may have been dropped by the last checkpoint; what is left has no copy and no gap.
      expect(stored, `${operation} ${nth}`).toEqual(expected.slice(COUNT - stored.length));
    }
  },
);

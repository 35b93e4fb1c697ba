import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { StoredMessage } from "@waybill/broker/internal";
import { replaceStoredMessages, storedMessages, swapStoredMessages } from "@waybill/broker/internal";
import {
  brokerIn,
  collect,
  message,
  messages,
  NO_FENCE,
  openBroker,
  temporaryDirectory,
} from "./broker-fixture.ts";

async function closedDirectory(): Promise<{ dataDir: string; stored: StoredMessage[] }> {
  const dataDir = await temporaryDirectory();
  const broker = await openBroker(dataDir);
  await broker.publish(messages(0, 8), NO_FENCE);
  await broker[Symbol.asyncDispose]();
  return { dataDir, stored: await Array.fromAsync(storedMessages(dataDir)) };
}

async function deliveredAfterwards(dataDir: string): Promise<string[]> {
  const broker = brokerIn(dataDir);
  await broker.open();
  const { deliveries } = await collect(broker);
  await vi.waitFor(() => expect(deliveries).toHaveLength(8));
  return deliveries.map(({ envelope }) => `${envelope.id} ${Buffer.from(envelope.payload).toString()}`);
}

describe("offline tools", () => {
  test("list every stored message and change nothing", async () => {
    const { dataDir, stored } = await closedDirectory();
    const segment = join(dataDir, "log", (await readdir(join(dataDir, "log")))[0] ?? "");
    const before = await readFile(segment);
    expect(stored.map(({ envelope }) => envelope.id)).toEqual(messages(0, 8).map(({ id }) => id));
    expect((await readFile(segment)).equals(before)).toBe(true);
  });

  test("two stored messages change places with right checksums, so the broker opens and delivers them", async () => {
    const { dataDir, stored } = await closedDirectory();
    const [, one, , , , five] = stored;
    if (one === undefined || five === undefined) throw new Error("messages are missing");
    expect(one.encodedBytes).toBe(five.encodedBytes);
    await swapStoredMessages(dataDir, one, five);
    const delivered = await deliveredAfterwards(dataDir);
    expect(delivered[1]).toBe('message-5 {"index":5}');
    expect(delivered[5]).toBe('message-1 {"index":1}');
  });

  test("payloads and keys change places while ids and positions stay", async () => {
    const { dataDir, stored } = await closedDirectory();
    const [, one, , , , five] = stored;
    if (one === undefined || five === undefined) throw new Error("messages are missing");
    const crossed = new Map([
      [one.offset, { ...one.envelope, payload: five.envelope.payload, key: five.envelope.key }],
      [five.offset, { ...five.envelope, payload: one.envelope.payload, key: one.envelope.key }],
    ]);
    await replaceStoredMessages(dataDir, crossed);
    const delivered = await deliveredAfterwards(dataDir);
    expect(delivered[1]).toBe('message-1 {"index":5}');
    expect(delivered[5]).toBe('message-5 {"index":1}');
  });

  test("another length, an unknown offset and an open directory are refused", async () => {
    const { dataDir, stored } = await closedDirectory();
    const offset = stored[0]?.offset ?? -1;
    const longer = replaceStoredMessages(
      dataDir,
      new Map([[offset, message(0, { payload: Buffer.alloc(500) })]]),
    );
    await expect(longer).rejects.toThrow(/bytes, its replacement/);
    await expect(replaceStoredMessages(dataDir, new Map([[999_999, message(0)]]))).rejects.toThrow(
      "No records 999999",
    );
    await openBroker(dataDir);
    const owned = replaceStoredMessages(dataDir, new Map([[offset, message(0)]]));
    await expect(owned).rejects.toMatchObject({ code: "LOG_OWNED" });
  });
});

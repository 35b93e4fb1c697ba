import { expect, test } from "vitest";
import { comparable, newMessage } from "../support/messages.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { leaseOf, rolledBack, startOf } from "./storage-bed.ts";

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);

export function outboxCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a message exists if and only if its transaction committed", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const [kept, lost] = [newMessage(), newMessage()];
    await rolledBack(storage, (tx) => storage.outbox.append(tx, [lost]));
    await storage.transaction((tx) => storage.outbox.append(tx, [kept]));
    const { rows } = await storage.outbox.openWindow(from, 10);
    expect(rows.map((row) => row.envelope.id)).toEqual([kept.id]);
  });

  test("a message comes back as it was written", async () => {
    const { storage, source } = await open();
    const from = await startOf(storage);
    const messages = [
      newMessage({
        payload: allBytes,
        headers: { "x-plain": "a", "x-länge": "né \u{1f680}\n\t\"'\\", "x-empty": "" },
        version: 7,
        contentType: "application/cbor",
        key: "kéy / with spaces",
        deliverAt: 1_900_000_000_123,
        expiresAt: 1_900_000_000_456,
      }),
      newMessage({ payload: new Uint8Array(), key: null, partition: 31 }),
    ];
    await storage.transaction((tx) => storage.outbox.append(tx, messages));
    const { rows, now } = await storage.outbox.openWindow(from, 10);
    expect(rows.map(({ envelope }) => comparable(envelope))).toEqual(
      messages.map(({ deliverAt: _at, deliverInMs: _in, expiresAt: _until, ...message }) => {
        const createdAt: unknown = expect.any(Number);
        const payload = Buffer.from(message.payload).toString("hex");
        return { ...message, payload, source, createdAt, position: null };
      }),
    );
    expect(rows.map(({ deliverAt, expiresAt }) => [deliverAt, expiresAt])).toEqual([
      [1_900_000_000_123, 1_900_000_000_456],
      [null, null],
    ]);
    for (const { envelope } of rows) expect(Math.abs(now - envelope.createdAt)).toBeLessThan(10_000);
  });

  test("deliverInMs counts from now by the storage's clock", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    await storage.transaction((tx) => storage.outbox.append(tx, [newMessage({ deliverInMs: 60_000 })]));
    const { rows, now } = await storage.outbox.openWindow(from, 10);
    expect(Math.abs((rows[0]?.deliverAt ?? 0) - now - 60_000)).toBeLessThan(10_000);
  });

  test("many messages of one append keep their order", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const messages = Array.from({ length: 500 }, () => newMessage());
    await storage.transaction((tx) => storage.outbox.append(tx, messages));
    const { rows } = await storage.outbox.openWindow(from, 1_000);
    expect(rows.map((row) => row.envelope.id)).toEqual(messages.map((message) => message.id));
  });

  test("an append of nothing records nothing", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    await storage.transaction((tx) => storage.outbox.append(tx, []));
    expect((await storage.outbox.openWindow(from, 10)).rows).toEqual([]);
  });

  test("another source is refused, and the settings are the same inside and outside of a transaction", async () => {
    const { storage, source } = await open();
    const settings = await storage.check(source);
    expect(settings).toEqual({ source, partitions: expect.any(Number) as unknown });
    expect(await storage.transaction(async (tx) => storage.outbox.settings(tx, source))).toEqual(settings);
    const refusal = { name: "WaybillError", code: "SOURCE_MISMATCH" };
    await expect(storage.check("somebody-else")).rejects.toMatchObject(refusal);
    const inside = storage.transaction(async (tx) => storage.outbox.settings(tx, "somebody-else"));
    await expect(inside).rejects.toMatchObject(refusal);
  });

  test("purging frees nothing that is not settled", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const message = newMessage();
    await storage.transaction((tx) => storage.outbox.append(tx, [message]));
    expect(await storage.outbox.purge(0)).toBe(0);
    const { rows } = await storage.outbox.openWindow(from, 10);
    expect(rows.map((row) => row.envelope.id)).toEqual([message.id]);
  });

  test("purging keeps what is settled but younger than it was told", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    await storage.transaction((tx) => storage.outbox.append(tx, [newMessage()]));
    const { to } = await storage.outbox.openWindow(from, 10);
    const lease = await leaseOf(storage);
    const step = { from: to, window: null, sequences: new Map(), park: [], dead: [], parked: [] };
    await storage.relay.apply(lease, step);
    expect(await storage.outbox.purge(3_600_000)).toBe(0);
    expect((await storage.outbox.openWindow(from, 10)).rows).toHaveLength(1);
  });

  test("nudges are hints: giving, hearing and ignoring them never fails", async () => {
    const { storage } = await open();
    const stop = await storage.outbox.onNudge(() => undefined);
    await storage.outbox.nudge();
    await stop();
    await storage.outbox.nudge();
  });
}

import type { OutboxRow } from "@waybill/core";
import { expect, test } from "vitest";
import { newMessage } from "../support/messages.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, startOf } from "./storage-bed.ts";

const ids = (rows: readonly OutboxRow[]): string[] => rows.map((row) => row.envelope.id);

export function windowCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a new outbox begins where nothing is skipped", async () => {
    const { storage } = await open();
    const message = newMessage();
    await storage.transaction((tx) => storage.outbox.append(tx, [message]));
    const from = await startOf(storage);
    expect(ids((await storage.outbox.openWindow(from, 10)).rows)).toEqual([message.id]);
  });

  test("a transaction that commits late appears in a later window, exactly once, and delays nobody", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const late = newMessage();
    const early = newMessage();
    const slow = await hold(storage);
    await storage.outbox.append(slow.tx, [late]);
    await storage.transaction((tx) => storage.outbox.append(tx, [early]));

    const first = await storage.outbox.openWindow(from, 10);
    expect(ids(first.rows)).toEqual([early.id]);
    const second = await storage.outbox.openWindow(first.to, 10);
    expect(second.rows).toEqual([]);
    await slow.commit();
    const third = await storage.outbox.openWindow(second.to, 10);
    expect(ids(third.rows)).toEqual([late.id]);
    expect((await storage.outbox.openWindow(third.to, 10)).rows).toEqual([]);
  });

  test("rows of a window come in the order of their sends, across transactions", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const messages = Array.from({ length: 4 }, () => newMessage());
    const one = await hold(storage);
    const two = await hold(storage);
    for (const [index, message] of messages.entries()) {
      await storage.outbox.append(index % 2 === 0 ? one.tx : two.tx, [message]);
    }
    await two.commit();
    await one.commit();
    const { rows } = await storage.outbox.openWindow(from, 10);
    expect(ids(rows)).toEqual(messages.map((message) => message.id));
    expect(rows.map((row) => row.rowId)).toEqual(rows.map((row) => row.rowId).toSorted((a, b) => a - b));
  });

  test("exactly as many rows as the limit mean that there may be more", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const messages = Array.from({ length: 5 }, () => newMessage());
    await storage.transaction((tx) => storage.outbox.append(tx, messages));
    const expected = messages.map((message) => message.id);
    expect(ids((await storage.outbox.openWindow(from, 4)).rows)).toEqual(expected.slice(0, 4));
    expect(ids((await storage.outbox.openWindow(from, 5)).rows)).toEqual(expected);
    expect(ids((await storage.outbox.openWindow(from, 6)).rows)).toEqual(expected);
  });

  test("the pages of a window are its rows, whatever commits meanwhile", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const open1 = await hold(storage);
    const inside: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const [message, hidden] = [newMessage(), newMessage()];
      inside.push(message.id);
      await storage.transaction((tx) => storage.outbox.append(tx, [message]));
      await storage.outbox.append(open1.tx, [hidden]);
    }
    const window = await storage.outbox.openWindow(from, 2);
    await open1.commit();
    await storage.transaction((tx) => storage.outbox.append(tx, [newMessage()]));

    const read = [...window.rows];
    for (let page = 0; page < 10; page += 1) {
      const rows = await storage.outbox.readWindow({ from, to: window.to }, read.at(-1)?.rowId ?? 0, 2);
      read.push(...rows);
      if (rows.length < 2) break;
    }
    expect(ids(read)).toEqual(inside);
    expect(ids(await storage.outbox.readWindow({ from, to: window.to }, 0, 100))).toEqual(inside);
    expect((await storage.outbox.openWindow(window.to, 100)).rows).toHaveLength(8);
  });

  test("what a rolled-back savepoint wrote is in no window, what its transaction wrote is", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const kept = [newMessage(), newMessage()];
    const held = await hold(storage);
    await storage.outbox.append(held.tx, kept.slice(0, 1));
    const undone = storage.savepoint(held.tx, async (inner) => {
      await storage.outbox.append(inner, [newMessage(), newMessage()]);
      throw new Error("undo");
    });
    await expect(undone).rejects.toThrow("undo");
    await storage.outbox.append(held.tx, kept.slice(1));
    const before = await storage.outbox.openWindow(from, 10);
    expect(before.rows).toEqual([]);
    await held.commit();
    const after = await storage.outbox.openWindow(before.to, 10);
    expect(ids(after.rows)).toEqual(kept.map((message) => message.id));
  });

  test("windows of one running server name the same server", async () => {
    const { storage } = await open();
    const from = await startOf(storage);
    const one = await storage.outbox.openWindow(from, 1);
    const two = await storage.outbox.openWindow(one.to, 1);
    expect(one.server).not.toBe("");
    expect(two.server).toBe(one.server);
    expect(two.now).toBeGreaterThanOrEqual(one.now);
  });
}

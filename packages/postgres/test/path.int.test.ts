import type { Storage } from "@waybill/core";
import { describe, expect, test } from "vitest";
import { postgresStorage } from "../src/index.ts";
import {
  envelope,
  migratedDatabase,
  newMessage,
  newParked,
  SOURCE,
  step,
  testKnex,
  testPool,
} from "./support/test-storage.ts";

describe.each(["pg", "knex"])("the whole path with %s", (driver) => {
  const database = migratedDatabase();
  const open = (): Storage<never> =>
    (driver === "pg"
      ? postgresStorage({ pool: testPool(database.url, 1) })
      : postgresStorage({ knex: testKnex(database.url, 1) })) as Storage<never>;

  test("what was sent is read, settled and claimed, with a pool of one connection", async () => {
    const storage = open();
    expect(await storage.check(SOURCE)).toEqual({ source: SOURCE, partitions: 32 });
    const message = newMessage({ headers: { a: "1" }, payload: Buffer.from([0, 1, 254, 255]) });
    await storage.transaction(async (tx) => {
      storage.outbox.assertTransaction(tx);
      expect(await storage.outbox.settings(tx, SOURCE)).toEqual({ source: SOURCE, partitions: 32 });
      await storage.outbox.append(tx, [message]);
      await storage.outbox.append(tx, [newMessage(), newMessage({ key: null, deliverInMs: 1000 })]);
    });

    const answer = await storage.relay.acquire("relay-1", 5000);
    if (answer.kind !== "acquired") throw new Error("held");
    const { lease } = answer;
    const progress = await storage.relay.load(lease);
    expect(progress).toEqual({ from: "1:1:", window: null, sequences: new Map() });
    const opened = await storage.outbox.openWindow(progress.from, 2);
    expect(opened.rows).toHaveLength(2);
    expect(opened.rows[0]?.envelope).toMatchObject({
      id: message.id,
      source: SOURCE,
      headers: { a: "1" },
      key: "k1",
      partition: 3,
    });
    expect([...(opened.rows[0]?.envelope.payload ?? [])]).toEqual([0, 1, 254, 255]);
    const window = { from: progress.from, to: opened.to };
    const rest = await storage.outbox.readWindow(window, opened.rows[1]?.rowId ?? 0, 2);
    expect(rest).toHaveLength(1);
    expect(rest[0]?.deliverAt).toBeGreaterThan(opened.now);

    const sequences = new Map([["order.placed/3", 2]]);
    expect(
      await storage.relay.apply(
        lease,
        step(progress.from, { window: { ...window, now: opened.now, lastRowId: 7 }, sequences }),
      ),
    ).toBe(true);
    expect(await storage.relay.load(lease)).toEqual({
      from: "1:1:",
      window: { ...window, now: opened.now, lastRowId: 7 },
      sequences,
    });
    const parked = newParked({ group: "", reason: "delayed" });
    expect(await storage.relay.apply(lease, step(opened.to, { park: [parked] }))).toBe(true);
    expect((await storage.outbox.openWindow(opened.to, 10)).rows).toEqual([]);
    const due = await storage.parked.dueOutgoing(10);
    expect(due.parked.map((one) => one.envelope)).toEqual([parked.envelope]);

    const received = envelope({ position: { incarnation: lease.incarnation, sequence: 0 } });
    const claim = (): Promise<string> =>
      storage.transaction((tx) =>
        storage.inbox.claim(tx, { group: "inventory", envelope: received, ordered: true, parkedId: null }),
      );
    expect(await claim()).toBe("claimed");
    expect(await claim()).toBe("duplicate");
    expect(await storage.inbox.fold(0, 10)).toBe(1);
    expect(await claim()).toBe("duplicate");
  });
});

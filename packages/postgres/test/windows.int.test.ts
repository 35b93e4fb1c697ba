import type { OutboxRow, Storage } from "@waybill/core";
import type { Pool } from "pg";
import { describe, expect, test } from "vitest";
import { inTransaction, pgTransaction, postgresStorage, type PgTransaction } from "../src/index.ts";
import { messageId, migratedDatabase, newMessage, send, step, testPool } from "./support/test-storage.ts";

const WRITERS = 8;
const TRANSACTIONS_PER_WRITER = 60;

interface Committed {
  readonly key: string;
  readonly id: string;
  /** The key's own counter, read and raised under its row lock: the order of commits. */
  readonly turn: number;
}

/** Reads everything as the relay does, in chunks, until `done` and nothing is left. */
async function readAll(
  storage: Storage<PgTransaction>,
  limit: number,
  done: () => boolean,
): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  const answer = await storage.relay.acquire("reader", 60_000);
  if (answer.kind !== "acquired") throw new Error("the lease is held");
  let from = "1:1:";
  for (;;) {
    const last = done();
    const opened = await storage.outbox.openWindow(from, limit);
    rows.push(...opened.rows);
    let chunk = opened.rows;
    while (chunk.length === limit) {
      chunk = await storage.outbox.readWindow({ from, to: opened.to }, chunk.at(-1)?.rowId ?? 0, limit);
      rows.push(...chunk);
    }
    from = opened.to;
    await storage.relay.apply(answer.lease, step(from));
    if (last && opened.rows.length === 0) return rows;
  }
}

/** One business transaction: maybe takes its id early, uses savepoints, sends for one or two keys, maybe rolls back. */
async function business(pool: Pool, storage: Storage<PgTransaction>, seed: number): Promise<Committed[]> {
  const sent: Committed[] = [];
  const keys = [...new Set([seed % 5, (seed * 7) % 5])].sort((a, b) => a - b);
  try {
    await inTransaction(pool, async (tx) => {
      if (seed % 3 === 0) await tx.query("select pg_current_xact_id(), pg_sleep(0.002)");
      for (const key of keys) {
        const { rows } = await tx.query<{ turn: number }>(
          "update counters set turn = turn + 1 where key = $1 returning turn",
          [`k${key}`],
        );
        const message = newMessage({ key: `k${key}` });
        if (seed % 4 === 0) {
          const undone = storage.savepoint(tx, async (nested) => {
            await storage.outbox.append(nested, [newMessage({ key: "undone" })]);
            throw new Error("undone");
          });
          await undone.catch(() => undefined);
          await storage.savepoint(tx, (nested) => storage.outbox.append(nested, [message]));
        } else {
          await storage.outbox.append(tx, [message]);
        }
        sent.push({ key: `k${key}`, id: message.id, turn: rows[0]?.turn ?? 0 });
      }
      if (seed % 5 === 0) throw new Error("rolled back");
    });
    return sent;
  } catch (error) {
    if (error instanceof Error && error.message === "rolled back") return [];
    throw error;
  }
}

describe("windows", () => {
  const database = migratedDatabase();

  test.each([7, 500])(
    "concurrent writers: every committed row once, in commit order per key, past a transaction that stays open (chunks of %i)",
    async (limit) => {
      const pool = testPool(database.url, WRITERS + 3);
      const storage = postgresStorage({ pool });
      await pool.query("drop table if exists counters; truncate waybill.outbox");
      await pool.query(
        "create table counters as select 'k' || k as key, 0 as turn from generate_series(0, 4) k",
      );
      const idle = await pool.connect();
      await idle.query("begin");
      await idle.query("select pg_current_xact_id()");
      await storage.outbox.append(pgTransaction(idle), [
        newMessage({ key: "late", id: messageId(900_000 + limit) }),
      ]);

      let writing = true;
      const reading = readAll(storage, limit, () => !writing);
      const writers = Array.from({ length: WRITERS }, async (_, writer) => {
        const committed: Committed[] = [];
        for (let n = 0; n < TRANSACTIONS_PER_WRITER; n += 1) {
          committed.push(...(await business(pool, storage, writer * TRANSACTIONS_PER_WRITER + n)));
        }
        return committed;
      });
      const committed = (await Promise.all(writers)).flat();
      writing = false;
      const rows = await reading;

      const ids = rows.map((row) => row.envelope.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.toSorted()).toEqual(committed.map(({ id }) => id).toSorted());
      for (const key of new Set(committed.map((one) => one.key))) {
        const turns = rows
          .filter((row) => row.envelope.key === key)
          .map((row) => committed.find(({ id }) => id === row.envelope.id)?.turn);
        expect(turns).toEqual(turns.toSorted((a, b) => Number(a) - Number(b)));
      }

      const before = (await storage.outbox.openWindow("1:1:", 1)).to;
      await idle.query("commit");
      idle.release();
      const late = await storage.outbox.openWindow(before, 10);
      expect(late.rows.map((row) => row.envelope.key)).toEqual(["late"]);
    },
  );

  test("a large window is paged without gaps, and read again from any place with the same rows", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const { to: from } = await storage.outbox.openWindow("1:1:", 1);
    const messages = Array.from({ length: 2_500 }, () => newMessage());
    await send(storage, ...messages.slice(0, 1_000));
    await send(storage, ...messages.slice(1_000));
    const opened = await storage.outbox.openWindow(from, 400);
    await send(storage, newMessage({ key: "after the window" }));
    const rows = [...opened.rows];
    const window = { from, to: opened.to };
    for (let chunk = opened.rows; chunk.length === 400; rows.push(...chunk)) {
      chunk = await storage.outbox.readWindow(window, chunk.at(-1)?.rowId ?? 0, 400);
    }
    expect(rows.map((row) => row.envelope.id)).toEqual(messages.map(({ id }) => id));
    const again = await storage.outbox.readWindow(window, rows[1_234]?.rowId ?? 0, 1_000);
    expect(again).toEqual(rows.slice(1_235, 2_235));
  });

  test("a prepared transaction appears when it is committed", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const client = await pool.connect();
    await client.query("begin");
    const message = newMessage();
    await storage.outbox.append(pgTransaction(client), [message]);
    await client.query("prepare transaction 'waybill-test'");
    client.release();
    const first = await storage.outbox.openWindow("1:1:", 10_000);
    expect(first.rows.map((row) => row.envelope.id)).not.toContain(message.id);
    await pool.query("commit prepared 'waybill-test'");
    const second = await storage.outbox.openWindow(first.to, 10);
    expect(second.rows.map((row) => row.envelope.id)).toEqual([message.id]);
  });

  test("a row of a transaction that commits after its successors is found from every floor", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const answer = await storage.relay.acquire("reader", 60_000);
    if (answer.kind !== "acquired") throw new Error("held");
    const slow = await pool.connect();
    await slow.query("begin");
    const late = newMessage();
    await storage.outbox.append(pgTransaction(slow), [late]);
    let { to: from } = await storage.outbox.openWindow("1:1:", 1);
    for (let n = 0; n < 5; n += 1) {
      await send(storage, newMessage(), newMessage());
      const opened = await storage.outbox.openWindow(from, 1);
      expect(opened.rows).toHaveLength(1);
      from = opened.to;
      await storage.relay.apply(answer.lease, step(from));
    }
    await slow.query("commit");
    slow.release();
    await send(storage, newMessage(), newMessage());
    const opened = await storage.outbox.openWindow(from, 3);
    expect(opened.rows[0]?.envelope.id).toBe(late.id);
    expect(opened.rows).toHaveLength(3);
  });

  test("repeatable-read and serializable senders are read like others", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const { to: from } = await storage.outbox.openWindow("1:1:", 1);
    for (const level of ["repeatable read", "serializable"]) {
      const client = await pool.connect();
      await client.query(`begin isolation level ${level}`);
      await storage.outbox.append(pgTransaction(client), [newMessage()]);
      await client.query("commit");
      client.release();
    }
    expect((await storage.outbox.openWindow(from, 10)).rows).toHaveLength(2);
  });
});

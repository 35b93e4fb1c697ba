import { setImmediate } from "node:timers/promises";
import type { Envelope, NewMessage, NewParked, RelayStep, Storage } from "@waybill/core";
import { testDatabase, type TestDatabase } from "@waybill/services/vitest";
import { knex as makeKnex, type Knex } from "knex";
import { Pool } from "pg";
import type { PoolClient } from "pg";
import { onTestFinished } from "vitest";
import { migrate } from "../../src/index.ts";

export const SOURCE = "orders";

/** A database with Waybill's tables for the file or block that calls it. */
export function migratedDatabase(
  options: { readonly schema?: string; readonly leafSeconds?: number } = {},
): TestDatabase {
  return testDatabase({
    prepare: async (connectionString) => {
      await migrate({ connectionString }, { source: SOURCE, ...options });
    },
  });
}

/** A pool that ends with the test, and with it the clients that a failed test did not give back. */
export function testPool(url: string, max = 10): Pool {
  const pool = new Pool({ connectionString: url, max });
  const out = new Set<PoolClient>();
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  pool.on("acquire", (client) => out.add(client));
  pool.on("release", (_error, client) => out.delete(client));
  onTestFinished(async () => {
    // Until then a storage may keep one for whoever comes next.
    await setImmediate();
    for (const client of out) client.release(true);
    await pool.end();
  });
  return pool;
}

/** A knex instance that ends with the test. */
export function testKnex(url: string, max = 10): Knex {
  const knex = makeKnex({ client: "pg", connection: url, pool: { min: 0, max } });
  onTestFinished(() => knex.destroy());
  return knex;
}

let made = 0;

/** A message about to be recorded; ids are distinct. */
export function newMessage(change: Partial<NewMessage> = {}): NewMessage {
  made += 1;
  return {
    id: messageId(made),
    topic: "order.placed",
    version: 1,
    key: "k1",
    partition: 3,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(`{"n":${made}}`),
    deliverAt: null,
    deliverInMs: null,
    expiresAt: null,
    ...change,
  };
}

export function messageId(n: number): string {
  return `0190a000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** A message as it travels. */
export function envelope(change: Partial<Envelope> = {}): Envelope {
  made += 1;
  return {
    id: messageId(made),
    source: SOURCE,
    topic: "order.placed",
    version: 1,
    key: "k1",
    partition: 3,
    headers: { trace: "1" },
    contentType: "application/json",
    payload: Buffer.from([0, 255, made % 256]),
    createdAt: 1_700_000_000_123,
    position: null,
    ...change,
  };
}

/** A message about to be parked: due now. */
export function newParked(change: Partial<NewParked> = {}): NewParked {
  return {
    group: "inventory",
    envelope: envelope(),
    reason: "retry",
    stage: "handle",
    order: "blocking",
    attempts: 1,
    due: { inMs: 0 },
    error: null,
    expiresAt: null,
    ...change,
  };
}

/** A step that changes nothing but the cursor. */
export function step(from: string, change: Partial<RelayStep> = {}): RelayStep {
  return { from, window: null, sequences: new Map(), park: [], dead: [], parked: [], ...change };
}

/** Records messages in a transaction of the storage's own. */
export async function send<Tx>(storage: Storage<Tx>, ...messages: NewMessage[]): Promise<void> {
  await storage.transaction((tx) => storage.outbox.append(tx, messages));
}

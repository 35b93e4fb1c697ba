import { randomUUID } from "node:crypto";
import { createConsumer, createOutbox, memoryBroker, partitionOf, type Envelope } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import type { Pool, PoolClient } from "pg";
import { benchDatabase } from "./bench-database.ts";
import { Measured, payloadOf } from "./bench-topic.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const CONCURRENCY = 8;
const BATCH = 100;
const PARTITIONS = 32;
/** Messages that one measurement takes, enough for a few seconds. */
const SINGLES = 6_000;
const IN_BATCHES = 30_000;

const TABLES = `
  create table account (key text primary key, balance bigint not null);
  insert into account select 'key-' || i, 0 from generate_series(0, 999) as i;
  create table hand_inbox (consumer_group text not null, message_id uuid not null, at timestamptz not null default now(),
    primary key (consumer_group, message_id));
`;
const UPDATE = { name: "update", text: "update account set balance = balance + 1 where key = $1" };
const HAND_INBOX = {
  name: "hand_inbox",
  text: "insert into hand_inbox (consumer_group, message_id) values ('bench', $1) on conflict do nothing",
};

/** A handler with one UPDATE: through the consumer, and as hand-written SQL of the same effect; singly and in batches. */
export async function consume({ rounds }: Effort): Promise<Figures> {
  await using database = await benchDatabase(CONCURRENCY + 2);
  const { pool } = database;
  await pool.query(TABLES);
  const figures = {
    single: [] as number[],
    "single by hand": [] as number[],
    batch: [] as number[],
    "batch by hand": [] as number[],
  };
  await consumed(pool, 500, false);
  await consumed(pool, 2_000, true);
  for (let round = 0; round < rounds; round += 1) {
    const handFirst = round % 2 === 0;
    if (handFirst) figures["single by hand"].push(await byHand(pool, SINGLES));
    figures.single.push(await consumed(pool, SINGLES, false));
    if (!handFirst) figures["single by hand"].push(await byHand(pool, SINGLES));
    if (handFirst) figures["batch by hand"].push(await byHandInBatches(pool, IN_BATCHES));
    figures.batch.push(await consumed(pool, IN_BATCHES, true));
    if (!handFirst) figures["batch by hand"].push(await byHandInBatches(pool, IN_BATCHES));
    await pool.query("checkpoint");
  }
  return {
    bench: "consume",
    value: median(figures.single),
    unit: "msg/s",
    ratio: medianRatio(figures.single, figures["single by hand"]),
    against: "hand-written SQL: BEGIN, inbox INSERT, UPDATE, COMMIT",
    rounds: figures,
    more: {
      ratioBatch: medianRatio(figures.batch, figures["batch by hand"]),
      batchPerSecond: median(figures.batch),
    },
  };
}

/** Messages per second through a consumer, from the first delivery to the last handler. */
async function consumed(pool: Pool, count: number, inBatches: boolean): Promise<number> {
  const storage = postgresStorage({ pool });
  const broker = memoryBroker();
  await broker.open();
  const group = `group-${randomUUID()}`;
  const consumer = createConsumer({
    group,
    source: "bench",
    storage,
    broker,
    outbox: createOutbox({ source: "bench", storage }),
    options: { prefetch: 2_000, concurrency: CONCURRENCY },
  });
  const done = Promise.withResolvers<void>();
  let left = count;
  const handled = (some: number): void => {
    left -= some;
    if (left <= 0) done.resolve();
  };
  if (inBatches) {
    consumer.onBatch(
      Measured,
      async (items, { tx }) => {
        for (const { payload } of items) await tx.query({ ...UPDATE, values: [payload.key] });
        handled(items.length);
      },
      { size: BATCH },
    );
  } else {
    consumer.on(Measured, async ({ key }, { tx }) => {
      await tx.query({ ...UPDATE, values: [key] });
      handled(1);
    });
  }
  await broker.declareGroup(group, [Measured.name]);
  const incarnation = randomUUID();
  await broker.publish(messages(count, incarnation), { fence: null, timeoutMs: 10_000 });
  const begun = performance.now();
  await consumer.start();
  await done.promise;
  const seconds = (performance.now() - begun) / 1_000;
  await consumer.stop();
  return count / seconds;
}

function messages(count: number, incarnation: string): Envelope[] {
  const sequences = new Map<number, number>();
  return Array.from({ length: count }, (_, index) => {
    const key = `key-${index % 1_000}`;
    const id = randomUUID();
    const partition = partitionOf(key, id, PARTITIONS);
    const sequence = sequences.get(partition) ?? 0;
    sequences.set(partition, sequence + 1);
    return {
      id,
      source: "bench",
      topic: Measured.name,
      version: 1,
      key,
      partition,
      headers: {},
      contentType: "application/json",
      payload: Buffer.from(JSON.stringify(payloadOf(256, key))),
      createdAt: 0,
      position: { incarnation, sequence },
    };
  });
}

async function byHand(pool: Pool, count: number): Promise<number> {
  let next = 0;
  const begun = performance.now();
  const worker = async (): Promise<void> => {
    const client = await pool.connect();
    while (next < count) {
      const key = `key-${next % 1_000}`;
      next += 1;
      await client.query("begin");
      await effect(client, key);
      await client.query("commit");
    }
    client.release();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return count / ((performance.now() - begun) / 1_000);
}

async function byHandInBatches(pool: Pool, count: number): Promise<number> {
  const client = await pool.connect();
  const begun = performance.now();
  for (let done = 0; done < count; done += BATCH) {
    await client.query("begin");
    for (let index = 0; index < BATCH; index += 1) await effect(client, `key-${(done + index) % 1_000}`);
    await client.query("commit");
  }
  const seconds = (performance.now() - begun) / 1_000;
  client.release();
  return count / seconds;
}

async function effect(client: PoolClient, key: string): Promise<void> {
  await client.query({ ...HAND_INBOX, values: [randomUUID()] });
  await client.query({ ...UPDATE, values: [key] });
}

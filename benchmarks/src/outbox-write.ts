import { createOutbox } from "@waybill/core";
import { postgresStorage, pgTransaction } from "@waybill/postgres";
import type { Pool, PoolClient } from "pg";
import { benchDatabase } from "./bench-database.ts";
import { Measured, payloadOf } from "./bench-topic.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const CONNECTIONS = 8;
const PAYLOAD_BYTES = 256;

const TABLES = `
  create table business (id bigint generated always as identity primary key, customer text not null, sku text not null,
    quantity integer not null, total numeric not null);
  create table hand_written (id bigint generated always as identity primary key, topic text not null, key text not null,
    payload jsonb not null, created_at timestamptz not null default now());
`;

const BUSINESS = {
  name: "business",
  text: "insert into business (customer, sku, quantity, total) values ($1, $2, $3, $4)",
};
const HAND_WRITTEN = {
  name: "hand",
  text: "insert into hand_written (topic, key, payload) values ($1, $2, $3)",
};

/** What a transaction does after its business INSERT. */
type Then = (client: PoolClient, key: string) => Promise<unknown>;

/** Transactions with one business INSERT: alone, with a hand-written outbox INSERT, and with `send`. */
export async function outboxWrite({ rounds, seconds }: Effort): Promise<Figures> {
  await using database = await benchDatabase(CONNECTIONS);
  const { pool } = database;
  await pool.query(TABLES);
  const outbox = createOutbox({ source: "bench", storage: postgresStorage({ pool }) });
  const ways: Readonly<Record<string, Then>> = {
    alone: () => Promise.resolve(),
    "hand-written": (client, key) =>
      client.query({
        ...HAND_WRITTEN,
        values: [Measured.name, key, JSON.stringify(payloadOf(PAYLOAD_BYTES, key))],
      }),
    send: (client, key) => outbox.send(pgTransaction(client), Measured, payloadOf(PAYLOAD_BYTES, key)),
  };
  const rates: Record<string, number[]> = { alone: [], "hand-written": [], send: [] };
  for (const [name, then] of Object.entries(ways)) await transactions(pool, then, 1, name);
  for (let round = 0; round < rounds; round += 1) {
    const names = Object.keys(ways);
    // A different one begins each round, so that none always meets the machine in the same mood.
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length] ?? "";
      const then = ways[name];
      if (then !== undefined) rates[name]?.push(await transactions(pool, then, seconds, name));
    }
    await pool.query("checkpoint");
  }
  const { alone = [], "hand-written": hand = [], send = [] } = rates;
  return {
    bench: "outbox-write",
    value: median(send),
    unit: "tx/s",
    ratio: medianRatio(send, hand),
    against: "a hand-written outbox INSERT",
    rounds: rates,
    more: { vsAlone: medianRatio(send, alone), handVsAlone: medianRatio(hand, alone) },
  };
}

/** Committed transactions per second on all connections. */
async function transactions(pool: Pool, then: Then, seconds: number, name: string): Promise<number> {
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  let committed = 0;
  const worker = async (index: number): Promise<void> => {
    const client = await pool.connect();
    try {
      while (performance.now() < end) {
        await client.query("begin");
        await client.query({ ...BUSINESS, values: [`c${index}`, "tea", 1, 12.5] });
        await then(client, `${name}-${index}-${committed}`);
        await client.query("commit");
        committed += 1;
      }
    } finally {
      client.release();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => worker(index)));
  return committed / ((performance.now() - begun) / 1_000);
}

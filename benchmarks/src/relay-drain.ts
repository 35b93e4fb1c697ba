import { createRelay } from "@waybill/core";
import { migrate, migrateDown, postgresStorage } from "@waybill/postgres";
import type { Pool } from "pg";
import { benchDatabase } from "./bench-database.ts";
import { fillOutbox } from "./fill-outbox.ts";
import { instantBroker } from "./instant-broker.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const MESSAGES = 300_000;
const PAYLOAD_BYTES = 256;
const CHUNK_ROWS = 2_000;

const BARE_READ = {
  name: "bare",
  text: `select id, topic, version, key, partition, message_id, headers, content_type, payload, created_at
    from waybill.outbox where id > $1 order by id limit $2`,
};
const DEAD_TUPLES = `
  select coalesce(sum(n_dead_tup), 0)::int as dead from pg_stat_all_tables
  where schemaname = 'waybill' and relname like 'outbox%'
`;

/** A filled outbox, drained by a relay to a broker that confirms at once, against a reader of the same rows. */
export async function relayDrain({ rounds }: Effort): Promise<Figures> {
  await using database = await benchDatabase(6);
  const { pool, url } = database;
  const relay: number[] = [];
  const bare: number[] = [];
  let deadTuples = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) {
      await migrateDown({ connectionString: url }, { source: "bench" });
      await migrate({ connectionString: url }, { source: "bench" });
    }
    await fillOutbox(pool, MESSAGES, PAYLOAD_BYTES);
    await pool.query("vacuum analyze waybill.outbox");
    await readBare(pool);
    if (round % 2 === 0) bare.push(await readBare(pool));
    relay.push(await drain(pool));
    if (round % 2 === 1) bare.push(await readBare(pool));
    await pool.query("select pg_stat_force_next_flush()");
    const { rows } = await pool.query<{ dead: number }>(DEAD_TUPLES);
    deadTuples = Math.max(deadTuples, rows[0]?.dead ?? 0);
  }
  return {
    bench: "relay-drain",
    value: median(relay),
    unit: "msg/s",
    ratio: medianRatio(relay, bare),
    against: "a bare reader that selects and decodes the same rows",
    rounds: { relay, "bare reader": bare },
    more: { deadTuples, messages: MESSAGES },
  };
}

async function readBare(pool: Pool): Promise<number> {
  const begun = performance.now();
  let last = 0;
  let read = 0;
  for (;;) {
    const { rows } = await pool.query<{ id: string }>({ ...BARE_READ, values: [last, CHUNK_ROWS] });
    read += rows.length;
    if (rows.length < CHUNK_ROWS) return read / ((performance.now() - begun) / 1_000);
    last = Number(rows.at(-1)?.id);
  }
}

async function drain(pool: Pool): Promise<number> {
  const done = Promise.withResolvers<void>();
  let published = 0;
  const broker = instantBroker((count) => {
    published += count;
    if (published >= MESSAGES) done.resolve();
  });
  const storage = postgresStorage({ pool });
  const relay = createRelay({ source: "bench", storage, broker, options: { chunkRowsMax: CHUNK_ROWS } });
  const begun = performance.now();
  await relay.lead();
  await done.promise;
  const seconds = (performance.now() - begun) / 1_000;
  await relay.stop();
  return published / seconds;
}

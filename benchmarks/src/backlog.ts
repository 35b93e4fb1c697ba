import { spawnTs } from "@waybill/services";
import type { Pool } from "pg";
import { benchDatabase } from "./bench-database.ts";
import type { Effort, Figures } from "./report.ts";

const ROWS_AT_ONCE = 500_000;

/** Rows as `send` writes them, made by the server itself because millions are wanted. */
const FILL = `
  insert into waybill.outbox (topic, version, key, partition, message_id, headers, content_type, payload)
  select 'measured', 1, 'key-' || (i % 1000), (i % 32)::smallint, gen_random_uuid(), '{}', 'application/json',
    convert_to(rpad('{"key":"key-' || (i % 1000) || '","at":0,"filler":"', 254, 'x') || '"}', 'utf8')
  from generate_series($1::bigint, $2::bigint) as i
`;

/** What a relay does that starts with a long backlog. */
export interface BacklogRun {
  readonly firstMs: number;
  readonly perSecond: number;
  /** Most resident memory of the relay's process. */
  readonly mostBytes: number;
}

/** Puts `rows` messages of 256 bytes into the outbox of `pool`. */
export async function fillByServer(pool: Pool, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += ROWS_AT_ONCE) {
    await pool.query(FILL, [from, Math.min(rows, from + ROWS_AT_ONCE - 1)]);
  }
}

/** Starts a relay in a process of its own on a filled outbox, and waits until it is drained. */
export async function drainInProcess(url: string, rows: number): Promise<BacklogRun> {
  const env = { DATABASE_URL: url, MESSAGES: String(rows) };
  await using relay = spawnTs(new URL("backlog-process.ts", import.meta.url), [], { env });
  const deadlineMs = 60_000 + rows / 10;
  const first = await relay.line(({ event }) => event === "first", deadlineMs);
  const drained = await relay.line(({ event }) => event === "drained", deadlineMs);
  await relay.exited;
  return {
    firstMs: Number(first["ms"]),
    perSecond: Number(drained["perSecond"]),
    mostBytes: Number(drained["mostBytes"]),
  };
}

/** A relay that starts with `--rows` messages waiting (default 1 million): time to the first, memory, and rate. */
export async function backlog({ rows = 1_000_000 }: Effort): Promise<Figures> {
  await using database = await benchDatabase(3);
  await fillByServer(database.pool, rows);
  const { firstMs, perSecond, mostBytes } = await drainInProcess(database.url, rows);
  const rssMb = mostBytes / 1_048_576;
  return {
    bench: "backlog",
    value: firstMs,
    unit: "ms to the first message",
    rounds: { "first message, ms": [firstMs], "drain, msg/s": [perSecond], "relay process, MB": [rssMb] },
    more: { rows, rssMb, perSecond },
  };
}

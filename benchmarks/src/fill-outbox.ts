import { createOutbox } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import type { Pool } from "pg";
import { Measured, payloadOf } from "./bench-topic.ts";

const AT_ONCE = 1_000;

/** Sends `count` messages of `bytes` bytes over `keys` keys, in transactions of 1,000. */
export async function fillOutbox(pool: Pool, count: number, bytes: number, keys = 1_000): Promise<void> {
  const outbox = createOutbox({ source: "bench", storage: postgresStorage({ pool }) });
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const payloads = Array.from({ length: Math.min(AT_ONCE, count - sent) }, (_, index) =>
      payloadOf(bytes, `key-${(sent + index) % keys}`),
    );
    await inTransaction(pool, (tx) => outbox.sendMany(tx, Measured, payloads));
  }
}

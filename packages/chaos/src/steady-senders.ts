import type { Waybill } from "@waybill/core";
import { inTransaction, type PgTransaction } from "@waybill/postgres";
import type { Pool } from "pg";
import { Noted } from "./noted.ts";

/** What senders saw until they were stopped. */
export interface Sent {
  /** Ids of committed messages. */
  readonly ids: readonly string[];
  readonly slowestInsertMs: number;
  /** Of an INSERT into a table that nobody locks, in the same transactions: what the machine itself costs. */
  readonly slowestControlMs: number;
  readonly failures: readonly unknown[];
}

/**
 * Sends notes, one a transaction, with several connections at once, and measures every INSERT into the outbox. The table
 * `control (n integer)` must exist. Answers how to stop.
 */
export function steadySenders(
  pool: Pool,
  waybill: Pick<Waybill<PgTransaction>, "send">,
  senders: number,
): () => Promise<Sent> {
  const sent = { ids: [] as string[], slowestInsertMs: 0, slowestControlMs: 0, failures: [] as unknown[] };
  const stopping = new AbortController();
  const one = async (sender: number, no: number): Promise<void> => {
    const id = await inTransaction(pool, async (tx) => {
      const begun = performance.now();
      await tx.query("insert into control values (1)");
      const between = performance.now();
      const message = await waybill.send(tx, Noted, { key: `s${sender}`, no });
      sent.slowestControlMs = Math.max(sent.slowestControlMs, between - begun);
      sent.slowestInsertMs = Math.max(sent.slowestInsertMs, performance.now() - between);
      return message.id;
    });
    sent.ids.push(id);
  };
  const all = Array.from({ length: senders }, async (_, sender) => {
    for (let no = 1; !stopping.signal.aborted; no += 1)
      await one(sender, no).catch((error: unknown) => sent.failures.push(error));
  });
  return async () => {
    stopping.abort();
    await Promise.all(all);
    return sent;
  };
}

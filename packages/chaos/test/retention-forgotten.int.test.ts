import { waitFor } from "@waybill/services";
import { Pool } from "pg";
import { expect, test } from "vitest";
import { steadySenders } from "../src/steady-senders.ts";
import { preparedDatabase } from "./prepared-database.ts";
import { retentionBed } from "./retention-bed.ts";

const LEAF_SECONDS = 1;
const { pool, database } = preparedDatabase({ leafSeconds: LEAF_SECONDS });

interface Traces {
  readonly updated: number;
  readonly deleted: number;
  readonly dead: number;
  readonly bytes: number;
}

async function traces(): Promise<Traces | undefined> {
  const { rows } = await pool()
    .query<Traces>(`select sum(n_tup_upd)::int as updated, sum(n_tup_del)::int as deleted,
      sum(n_dead_tup)::int as dead, sum(pg_relation_size(relid))::int as bytes
    from pg_stat_user_tables where relname in ('outbox_0', 'outbox_1', 'outbox_2', 'outbox_3')`);
  return rows[0];
}

test("a purge that did not run for more than two turns of the leaves fails no INSERT and loses no row, and later ones free everything without a dead row", async () => {
  const the = await retentionBed(pool(), LEAF_SECONDS);
  // Connections of their own: the server counts what they did when they end.
  const senders = new Pool({ connectionString: database.url, max: 3 });
  const stop = steadySenders(senders, the.waybill, 3);
  await the.turned(9);
  const sent = await stop();
  await senders.end();
  expect(sent.failures).toEqual([]);
  expect(await the.leaves()).toEqual([0, 1, 2, 3]);
  await the.turned(1);
  expect(await the.storage.outbox.purge(0), "leaves that no relay has read").toBe(0);

  await the.waybill.start({ consumers: false });
  const describe = (): string => `${sent.ids.length} to be published`;
  await waitFor(async () => (await the.published()).length >= sent.ids.length, {
    deadlineMs: 20_000,
    describe,
  });
  expect((await the.published()).toSorted()).toEqual(sent.ids.toSorted());

  let slowestReadMs = 0;
  let slowestControlMs = 0;
  const done = new AbortController();
  const read = (async () => {
    while (!done.signal.aborted) {
      const begun = performance.now();
      await pool().query("select count(*) from control");
      const between = performance.now();
      await pool().query("select count(*) from waybill.outbox");
      slowestControlMs = Math.max(slowestControlMs, between - begun);
      slowestReadMs = Math.max(slowestReadMs, performance.now() - between);
    }
  })();
  await waitFor(
    async () => {
      await the.storage.outbox.purge(LEAF_SECONDS * 1_000);
      return (await the.leaves()).length === 0;
    },
    { deadlineMs: 15_000, describe: "every leaf freed" },
  );
  done.abort();
  await read;
  expect(slowestReadMs, `while ${slowestControlMs} ms without a lock`).toBeLessThan(100 + slowestControlMs);
  expect(await traces()).toEqual({ updated: 0, deleted: 0, dead: 0, bytes: 0 });
});

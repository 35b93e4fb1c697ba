import type { NativeBrokerEvent } from "@waybill/broker";
import { rebase } from "@waybill/postgres";
import { startPostgres, waitFor, type PostgresServer } from "@waybill/services";
import type { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  appliedOnce,
  brokerOf,
  countOf,
  ledgerElsewhere,
  notes,
  prepare,
  reasons,
  send,
  testPool,
} from "./history-bed.ts";

async function started(): Promise<PostgresServer> {
  const server = await startPostgres({ embedded: true, fsync: false });
  onTestFinished(() => server.stop());
  return server;
}

async function count(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>("select count(*)::int as count from waybill.outbox");
  return rows[0]?.count ?? -1;
}

/** Whether every table has its first copy, not the outbox alone. */
async function copied(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query("select 1 from pg_subscription_rel where srsubstate <> 'r'");
  return rows.length === 0;
}

/** Makes `to` follow `from` by logical replication of everything, as documented for an upgrade. */
async function follow(from: PostgresServer, source: Pool, to: Pool): Promise<void> {
  const { rows } = await to.query<{ name: string }>(
    "select oid::regclass::text as name from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace in ('waybill'::regnamespace, 'public'::regnamespace)",
  );
  await to.query(`truncate ${rows.map(({ name }) => name).join(", ")}`);
  await source.query("create publication everything for all tables");
  const { hostname, port, password } = new URL(from.url);
  await to.query(
    `create subscription everything connection 'host=${hostname} port=${port} user=postgres password=${password}' publication everything`,
  );
}

test("a logical replica as successor is refused while it follows and until a rebase; then nothing is skipped or swallowed", async () => {
  const brokerEvents: NativeBrokerEvent[] = [];
  const broker = brokerOf(brokerEvents);
  const { effects, applying } = await ledgerElsewhere(broker);

  const first = await started();
  const before = testPool(first.url);
  await prepare(before, "notes");
  const second = await started();
  const after = testPool(second.url);
  await prepare(after, "notes");
  await follow(first, before, after);
  const old = notes(before, broker);
  await old.waybill.start();
  const sent = await send(before, old, 60);
  await appliedOnce(effects, sent);
  await old.waybill.stop();
  sent.push(...(await send(before, old, 30)));
  const caughtUp = async (): Promise<boolean> =>
    (await copied(after)) && (await count(after)) === sent.length;
  await waitFor(caughtUp, { deadlineMs: 20_000, describe: "the replica" });

  const refusal = async (): Promise<unknown> =>
    notes(after, broker)
      .waybill.start()
      .catch((error: unknown) => error);
  expect(await refusal()).toMatchObject({
    code: "SCHEMA_UNSAFE",
    message: expect.stringMatching(/logical replica.*drop the subscription.*waybill rebase/) as string,
  });
  await expect(rebase({ pool: after }, { source: "notes" })).rejects.toMatchObject({
    code: "SCHEMA_UNSAFE",
    message: expect.stringMatching(/subscription everything/) as string,
  });
  await after.query("drop subscription everything");
  expect(await refusal()).toMatchObject({
    code: "SCHEMA_UNSAFE",
    message: expect.stringMatching(/sequences are behind.*waybill rebase/) as string,
  });
  await rebase({ pool: after }, { source: "notes" });

  const relaying = notes(after, broker);
  await relaying.waybill.start();
  sent.push(...(await send(after, relaying, 60)));
  await appliedOnce(effects, sent);
  expect(reasons(relaying)).toEqual([
    expect.stringMatching(/^waybill rebase was run; another database cluster/),
  ]);
  expect(countOf(applying.events, "message.duplicate")).toBe(60);
  expect(countOf(applying.events, "message.conflict")).toBe(0);
  expect(countOf(brokerEvents, "broker.position-reused")).toBe(0);
});

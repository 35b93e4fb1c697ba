import type { NativeBrokerEvent } from "@waybill/broker";
import type { Broker } from "@waybill/core";
import { backUpPostgres, startPostgres, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import type { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { tcpForwarder } from "../src/tcp-forwarder.ts";
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

/** Lets the broker's publishes wait. */
function held(broker: Broker): { readonly waiting: () => number; readonly go: () => void } {
  const gate = Promise.withResolvers<void>();
  const publish = broker.publish.bind(broker);
  let waiting = 0;
  broker.publish = async (batch, options) => {
    waiting += 1;
    await gate.promise;
    return publish(batch, { ...options, timeoutMs: 10_000 });
  };
  const go = (): void => {
    broker.publish = publish;
    gate.resolve();
  };
  return { waiting: () => waiting, go };
}

async function count(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>("select count(*)::int as count from waybill.outbox");
  return rows[0]?.count ?? -1;
}

test("a failover to a standby that lost the last transactions, while the relay runs: a new incarnation, nothing skipped, nothing new swallowed", async () => {
  const brokerEvents: NativeBrokerEvent[] = [];
  const broker = brokerOf(brokerEvents);
  const { effects, applying } = await ledgerElsewhere(broker);

  const primary = await startPostgres({ embedded: true, fsync: false, settings: { wal_keep_size: "256MB" } });
  onTestFinished(() => primary.stop());
  const address = await tcpForwarder(primary.url);
  onTestFinished(() => address[Symbol.asyncDispose]());
  const pool = testPool(address.url);
  await prepare(pool, "notes");
  const backup = await backUpPostgres(primary, `${testFolder()}/backup`);
  const replication = await tcpForwarder(primary.url);
  onTestFinished(() => replication[Symbol.asyncDispose]());
  const standby = await startPostgres({ from: backup, standbyOf: replication, fsync: false });
  onTestFinished(() => standby.stop());
  const follower = testPool(standby.url);

  const relaying = notes(pool, broker);
  await relaying.waybill.start();
  const settled = await send(pool, relaying, 60);
  await appliedOnce(effects, settled);
  // Reach the standby, and are settled on the primary only.
  const hold = held(broker);
  const uncertain = await send(pool, relaying, 30);
  await waitFor(async () => (await count(follower)) === 90 && hold.waiting() > 0, {
    describe: "the standby",
  });
  replication.cut();
  hold.go();
  await appliedOnce(effects, [...settled, ...uncertain]);
  // Exist on the primary only.
  const lost = await send(pool, relaying, 60);
  await appliedOnce(effects, [...settled, ...uncertain, ...lost]);

  process.kill(primary.embedded?.pid ?? -1, "SIGKILL");
  address.cut();
  await follower.query("select pg_promote()");
  address.forwardTo(standby.url);
  await waitFor(() => reasons(relaying).length > 0, { deadlineMs: 20_000, describe: "a new incarnation" });
  const news = await send(pool, relaying, 60);
  await appliedOnce(effects, [...settled, ...uncertain, ...lost, ...news]);
  expect(await count(pool)).toBe(150);
  expect(reasons(relaying)).toEqual(["another timeline: the server was promoted or recovered"]);
  expect(
    countOf(applying.events, "message.duplicate"),
    "what the standby could not prove sent",
  ).toBeGreaterThan(0);
  expect(countOf(applying.events, "message.conflict")).toBe(0);
  expect(countOf(brokerEvents, "broker.position-reused")).toBe(0);
});

import { createWaybill, memoryBroker, RetryLater, systemClock, type Clock } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { spawnTs, waitFor, type TsProcess } from "@waybill/services";
import { expect, test } from "vitest";
import { Noted } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const HOUR_MS = 3_600_000;
const { database, pool } = preparedDatabase();

/** A machine whose clock is wrong, for what runs in this process. */
function shifted(byMs: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + byMs };
}

/** A relay and its jobs in a process whose clock is wrong. */
function relayOn(byMs: number): TsProcess {
  const preload = new URL("../src/shifted-date.ts", import.meta.url).href;
  const env = { DATABASE_URL: database.url, CLOCK_SHIFT_MS: String(byMs) };
  return spawnTs(new URL("../src/relay-process.ts", import.meta.url), [], {
    env,
    nodeOptions: [`--import=${preload}`],
  });
}

async function one<Row extends object>(text: string): Promise<Row> {
  const { rows } = await pool().query<Row>(text);
  const [row] = rows;
  if (row === undefined) throw new Error(`no row: ${text}`);
  return row;
}

const unpublished = (): Promise<{ count: number }> =>
  one(
    "select count(*)::int as count from waybill.outbox o where not exists (select from published p where p.message_id = o.message_id)",
  );

const lease = (): Promise<{ epoch: number; owner: string; left_ms: number }> =>
  one(
    "select epoch::int, owner, (date_part('epoch', leased_until - clock_timestamp()) * 1000)::int as left_ms from waybill.relay_lease",
  );

/** Sends what is delayed in both ways, what expires in a minute, and what is neither, from a machine with a wrong clock. */
async function sendFrom(byMs: number): Promise<void> {
  const clock = shifted(byMs);
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    clock,
  });
  const { now } = await one<{ now: Date }>("select clock_timestamp() as now");
  const at = (ms: number): Date => new Date(now.getTime() + ms);
  const key = `from ${byMs}`;
  await inTransaction(pool(), async (tx) => {
    for (let no = 0; no < 20; no += 1) {
      await waybill.send(tx, Noted, { key: `${key} plain`, no }, { expiresAt: at(60_000) });
      await waybill.send(tx, Noted, { key: `${key} delayed`, no }, { delayMs: 1_500, expiresAt: at(60_000) });
      await waybill.send(tx, Noted, { key: `${key} dated`, no }, { deliverAt: at(1_500) });
    }
  });
}

test("clocks of relays and producers an hour off, both ways: nothing early, nothing expired, one leader, sane next runs", async () => {
  await using fast = relayOn(HOUR_MS);
  await fast.ready();
  await using slow = relayOn(-HOUR_MS);
  await slow.ready();
  const first = await lease();
  expect(first.epoch).toBe(1);

  let [leader, standby] = [fast, slow];
  for (const round of [1, 2]) {
    await Promise.all([sendFrom(HOUR_MS), sendFrom(-HOUR_MS), sendFrom(0)]);
    await waitFor(async () => (await unpublished()).count === 0, {
      deadlineMs: 15_000,
      describe: `everything published (round ${round})`,
    });
    const held = await lease();
    expect(held.epoch, "takeovers").toBe(round);
    expect(held.left_ms, "rest of a lease of 1 s").toBeGreaterThan(0);
    expect(held.left_ms).toBeLessThanOrEqual(1_000);
    if (round === 2) break;
    leader.kill("SIGKILL");
    await waitFor(async () => (await lease()).epoch === 2, { deadlineMs: 10_000, describe: "a takeover" });
    [leader, standby] = [standby, leader];
  }

  const {
    early,
    late,
    plain_ms: plainMs,
  } = await one<{ early: number; late: number; plain_ms: number }>(`
    select
      (count(*) filter (where p.at < o.deliver_at))::int as early,
      (count(*) filter (where p.at > o.deliver_at + interval '5 s'))::int as late,
      (max(date_part('epoch', p.at - o.created_at)) filter (where o.deliver_at is null) * 1000)::int as plain_ms
    from published p join waybill.outbox o using (message_id)`);
  expect({ early, late }).toEqual({ early: 0, late: 0 });
  expect(plainMs, "delay of a message without one").toBeLessThan(5_000);
  const { delayed } = await one<{ delayed: number }>(
    "select count(*)::int as delayed from waybill.outbox where deliver_at between created_at + interval '1 s' and created_at + interval '3 s'",
  );
  expect(delayed, "delays by the database's clock").toBe(2 * 3 * 2 * 20);
  const dead = await pool().query("select from waybill.dead_letter");
  expect(dead.rowCount, "expired").toBe(0);

  const { rows: jobs } = await pool().query<{
    name: string;
    last_outcome: string;
    next_in_s: number;
    ago_s: number;
  }>(`
    select name, last_outcome, date_part('epoch', next_run_at - last_finished_at) as next_in_s,
      date_part('epoch', clock_timestamp() - last_started_at) as ago_s
    from waybill.job where last_outcome is not null and name in ('send-parked', 'take-over-lease', 'reconcile-unconfirmed')`);
  expect(jobs.map(({ name }) => name)).toEqual(expect.arrayContaining(["send-parked", "take-over-lease"]));
  for (const { name, last_outcome, next_in_s, ago_s } of jobs) {
    expect(last_outcome, name).toBe("ok");
    expect(next_in_s, `next run of ${name}`).toBeGreaterThanOrEqual(0);
    expect(next_in_s, `next run of ${name}`).toBeLessThanOrEqual(6);
    expect(ago_s, `last run of ${name}`).toBeLessThan(60);
  }
});

test.each([HOUR_MS, -HOUR_MS])(
  "a worker whose clock is off by %i ms: retries come when they are due by the database's clock",
  async (byMs) => {
    await waitFor(async () => (await lease()).left_ms < 0, { describe: "the end of the lease before" });
    const storage = postgresStorage({ pool: pool() });
    const waits: number[] = [];
    const failedAt = new Map<number, number>();
    await using waybill = createWaybill({
      source: "notes",
      storage,
      broker: memoryBroker(),
      clock: shifted(byMs),
      onEvent: () => undefined,
    });
    waybill.consumer(`retries ${byMs}`).on(Noted, ({ no }) => {
      const before = failedAt.get(no);
      if (before === undefined) {
        failedAt.set(no, performance.now());
        throw new RetryLater(700);
      }
      waits.push(performance.now() - before);
    });
    await waybill.start();
    await storage.transaction(async (tx) => {
      for (let no = 0; no < 10; no += 1) await waybill.send(tx, Noted, { key: `${byMs} ${no}`, no });
    });
    await waitFor(() => waits.length === 10, { describe: "every retry" });
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(690);
    expect(Math.max(...waits)).toBeLessThan(5_000);
    await waybill.stop();
  },
);

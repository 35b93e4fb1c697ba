import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { spawnTs, waitFor, type TsProcess } from "@waybill/services";
import { expect, test } from "vitest";
import { seeded, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const SUSPENSIONS = 4;
const { database, pool } = preparedDatabase();

async function epoch(): Promise<number> {
  const { rows } = await pool().query<{ epoch: string }>("select epoch from waybill.relay_lease");
  return Number(rows[0]?.epoch ?? 0);
}

async function unpublished(): Promise<number> {
  const { rows } = await pool().query<{ count: number }>(
    "select count(*)::int as count from waybill.outbox o where not exists (select from published p where p.message_id = o.message_id)",
  );
  return rows[0]?.count ?? -1;
}

async function count(query: string): Promise<number> {
  const { rows } = await pool().query<{ count: number }>(
    `select count(*)::int as count from (${query}) as found`,
  );
  return rows[0]?.count ?? -1;
}

test("of two relays one works; one that was suspended past its lease moves nothing back and publishes nothing stale", async () => {
  await using waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
  const writing = { pool: pool(), waybill, keys: 10, chance: seeded(7), rollbacks: 0.1 };
  const relay = new URL("../src/relay-process.ts", import.meta.url);
  const env = { DATABASE_URL: database.url };
  await using first = spawnTs(relay, [], { env });
  await first.ready();
  await using second = spawnTs(relay, [], { env });
  await second.ready();

  let [leader, standby]: readonly [TsProcess, TsProcess] = [first, second];
  for (let suspension = 0; suspension < SUSPENSIONS; suspension += 1) {
    const before = await epoch();
    const writes = writeNotes(writing, 4, 300);
    leader.kill("SIGSTOP");
    await writes;
    await waitFor(async () => (await epoch()) > before, { deadlineMs: 20_000, describe: "a takeover" });
    leader.kill("SIGCONT");
    await writeNotes(writing, 4, 100);
    [leader, standby] = [standby, leader];
  }
  await waitFor(async () => (await unpublished()) === 0, {
    deadlineMs: 20_000,
    describe: "everything published",
  });

  expect(
    await count(
      "select 1 from published p where exists (select from published q where q.id < p.id and q.epoch > p.epoch)",
    ),
    "published under a lower epoch after a higher one",
  ).toBe(0);
  expect(
    await count(
      "select message_id from published group by message_id having count(distinct (topic, partition, sequence)) > 1",
    ),
    "messages with two positions",
  ).toBe(0);
  expect(
    await count(
      "select topic, partition, sequence from published group by 1, 2, 3 having count(distinct message_id) > 1",
    ),
    "positions with two messages",
  ).toBe(0);
  expect(
    await count(`with firsts as (select message_id, key, min(id) as at from published group by 1, 2),
      ordered as (select o.id, lag(o.id) over (partition by f.key order by f.at) as before from firsts f join waybill.outbox o using (message_id))
      select 1 from ordered where before > id`),
    "inversions per key",
  ).toBe(0);
  expect(
    await count(`with steps as (select epoch, pg_snapshot_xmax(from_snapshot::text::pg_snapshot) as at,
        lag(epoch) over (order by id) as epoch_before, lag(pg_snapshot_xmax(from_snapshot::text::pg_snapshot)) over (order by id) as before
        from waybill.relay_progress)
      select 1 from steps where before > at or epoch_before > epoch`),
    "steps that moved the cursor or the epoch back",
  ).toBe(0);
  expect(await epoch()).toBeGreaterThan(SUSPENSIONS);
});

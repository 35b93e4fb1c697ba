import { createWaybill } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { spawnTs, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { audit, flawless, takeNote } from "../src/index.ts";
import { Blocking } from "../src/step.ts";
import { preparedDatabase } from "./prepared-database.ts";

/** The least that `startsMax` can be: nothing but the isolation keeps the innocent below it. */
const STARTS = 3;
const KEYS = 12;
const NOTES = 8;
const BATCHED = 40;
const PROCESSES_MAX = 60;

const { database, pool } = preparedDatabase();

interface Death {
  readonly key: string;
  readonly reason: string;
  readonly state: string;
  readonly answered: boolean;
}

async function deaths(): Promise<readonly Death[]> {
  const { rows } = await pool().query<Death>(
    "select key, reason, state, answered from waybill.dead_letter order by key",
  );
  return rows;
}

test("messages that kill the process die after so many starts, across restarts, and harm no other", async () => {
  await pool().query(
    "create table started (key text not null, worker text not null); create table answered (key text not null)",
  );
  await using waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
  const inOne = async (work: (no: number) => readonly string[]): Promise<void> => {
    for (let no = 0; no < NOTES; no += 1) {
      for (const key of work(no)) await inTransaction(pool(), (tx) => takeNote(tx, waybill, key));
    }
  };
  const calm = Array.from({ length: KEYS }, (_, index) => `calm-${index}`);
  // Before, between and behind the fatal ones, so that some are in work at every death.
  await inOne((no) => (no === 3 ? ["fatal-1", "retried-1", "compensated-1", ...calm] : calm));
  await inTransaction(pool(), async (tx) => {
    for (let no = 0; no < BATCHED; no += 1) {
      const key = no === 17 ? "fatal-batch" : `batch-${no % 5}`;
      if (no !== 17) await tx.query("insert into noted values ($1, $2)", [key, no]);
      await waybill.send(tx, Blocking, { key, no });
    }
  });

  const worker = new URL("../src/fatal-worker.ts", import.meta.url);
  const env = { DATABASE_URL: database.url, DATA_DIR: `${testFolder()}/broker`, STARTS_MAX: String(STARTS) };
  const calmCommitted = KEYS * NOTES;
  const finished = async (): Promise<boolean> =>
    (await deaths()).length === 4 &&
    (await audit(pool(), "calm-%")).lost === 0 &&
    (await audit(pool(), "batch-%")).lost === 0;

  for (let processes = 0; ; processes += 1) {
    expect(processes, "the messages kill one process after another").toBeLessThan(PROCESSES_MAX);
    await using one = spawnTs(worker, [], { env });
    let dead = false;
    void one.exited.then(() => (dead = true));
    await waitFor(async () => dead || (await finished()), {
      deadlineMs: 60_000,
      describe: () => `the end of a process or of all work\n${one.output.join("\n")}`,
    });
    if (dead) continue;
    one.kill("SIGTERM");
    expect(await one.exited).toMatchObject({ code: 0 });
    break;
  }

  expect(await audit(pool(), "calm-%")).toEqual(flawless(calmCommitted));
  expect(await audit(pool(), "batch-%")).toEqual(flawless(BATCHED - 1));
  expect((await deaths()).map(({ key, reason, answered }) => [key, reason, answered])).toEqual([
    ["compensated-1", "PROCESS_DIED", false],
    ["fatal-1", "PROCESS_DIED", true],
    ["fatal-batch", "PROCESS_DIED", true],
    ["retried-1", "PROCESS_DIED", true],
  ]);
  const started = await pool().query<{ key: string; starts: number }>(
    "select key, count(*)::int as starts from started group by key order by key",
  );
  const starts = Object.fromEntries(started.rows.map((row) => [row.key, row.starts]));
  // A compensation that follows its handler at once is given up after as many starts again. Another message may have
  // ended two of them before they killed anything: the first delivery, which is not counted, and the first start that
  // is, beside others. From the second that counts on they run alone.
  for (const key of ["compensated-1", "fatal-1", "fatal-batch", "retried-1"]) {
    const most = key === "compensated-1" ? 2 * STARTS : STARTS;
    expect(starts[key], key).toBeGreaterThanOrEqual(most - 2);
    expect(starts[key], key).toBeLessThanOrEqual(most);
  }
  const left = await pool().query("select from effect where key ~ '^(fatal|retried|compensated)'");
  expect(left.rowCount).toBe(0);
  const answered = await pool().query<{ key: string }>("select key from answered order by key");
  expect(answered.rows.map(({ key }) => key)).toEqual(["fatal-1", "fatal-batch", "retried-1"]);
  const counts = await pool().query(
    "select from waybill.inbox_start union all select from waybill.parked_start",
  );
  expect(counts.rowCount).toBe(0);
});

import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { spawnTs, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { setTimeout as after } from "node:timers/promises";
import { expect, test } from "vitest";
import { audit, flawless, seeded, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const KILLS = 50;
const NOTES_PER_CYCLE = 60;

const { database, pool } = preparedDatabase();

test(`a worker that is killed ${KILLS} times loses nothing, repeats nothing and keeps the order of keys`, async () => {
  const seed = Number(process.env["WAYBILL_SEED"] ?? Date.now() % 1_000_000);
  console.log(`seed ${seed} (repeat with WAYBILL_SEED=${seed})`);
  const chance = seeded(seed);
  await using waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
  const writing = { pool: pool(), waybill, keys: 20, chance, rollbacks: 0.1 };
  const worker = new URL("../src/ledger-worker.ts", import.meta.url);
  const env = { DATABASE_URL: database.url, DATA_DIR: `${testFolder()}/broker` };

  for (let kill = 0; kill < KILLS; kill += 1) {
    await using victim = spawnTs(worker, [], { env });
    await victim.ready();
    const lives = after(chance.below(1_800));
    await writeNotes(writing, 3, NOTES_PER_CYCLE);
    await lives;
    victim.kill("SIGKILL");
    expect(await victim.exited).toMatchObject({ signal: "SIGKILL" });
  }

  await using survivor = spawnTs(worker, [], { env });
  await survivor.ready();
  const committed = KILLS * NOTES_PER_CYCLE;
  await waitFor(async () => (await audit(pool())).lost === 0, {
    deadlineMs: 60_000,
    describe: () => `every effect (seed ${seed})\n${survivor.output.join("\n")}`,
  });
  expect(await audit(pool()), `seed ${seed}`).toEqual(flawless(committed));
  survivor.kill("SIGTERM");
  expect(await survivor.exited).toMatchObject({ code: 0 });
  expect(await audit(pool()), `seed ${seed}, after a graceful stop`).toEqual(flawless(committed));
});

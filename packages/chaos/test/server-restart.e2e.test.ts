import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { isRunning, spawnTs, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { audit, flawless, seeded, writeNote } from "../src/index.ts";
import { ownServer } from "./own-server.ts";

const server = ownServer();
const MODES = ["fast", "crash", "fast", "crash"] as const;
/** Notes between two restarts, and how many may wait for their effects when the next one comes. */
const NOTES_BETWEEN = 80;

test.each(["pg", "knex"])(
  "%s: the server is restarted and crashes under load; all recover by themselves and no attempt is used up",
  async (driver) => {
    const { pool } = server;
    await pool().query("truncate counter, noted, effect, total");
    const worker = new URL("../src/ledger-worker.ts", import.meta.url);
    const env = { DATABASE_URL: server.url(), DATA_DIR: `${testFolder()}/broker`, DRIVER: driver };
    await using relayAndConsumer = spawnTs(worker, [], { env });
    await relayAndConsumer.ready();
    await using waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
    const writing = { pool: pool(), waybill, keys: 12, chance: seeded(6), rollbacks: 0.1 };

    const done = new AbortController();
    let sure = 0;
    let failed = 0;
    const producer = async (): Promise<void> => {
      while (!done.signal.aborted) {
        try {
          if (await writeNote(writing)) sure += 1;
        } catch {
          failed += 1; // The business decides what to do then; what was committed is what counts.
          await waitFor(() => pool().query("select 1"), { deadlineMs: 20_000 });
        }
      }
    };
    const producers = Promise.all([producer(), producer(), producer()]);
    for (const mode of MODES) {
      const from = sure;
      await waitFor(() => sure >= from + NOTES_BETWEEN, { deadlineMs: 20_000, describe: "load" });
      await server.restart(mode);
    }
    const last = sure;
    await waitFor(() => sure >= last + NOTES_BETWEEN, { deadlineMs: 20_000, describe: "load at the end" });
    done.abort();
    await producers;

    await waitFor(async () => (await audit(pool())).lost === 0, {
      deadlineMs: 30_000,
      describe: () => `every effect\n${relayAndConsumer.output.join("\n")}`,
    });
    const found = await audit(pool());
    expect(found).toEqual(flawless(found.committed));
    expect(found.committed).toBeGreaterThanOrEqual(sure);
    expect(failed, "transactions that the restarts ended").toBeGreaterThan(0);
    expect(isRunning(relayAndConsumer.pid), "the worker has lived through it").toBe(true);
    const waiting = await pool().query(
      "select from waybill.parked union all select from waybill.dead_letter",
    );
    expect(waiting.rowCount).toBe(0);
    const parked = relayAndConsumer.lines.filter(
      ({ type }) => type === "message.parked" || type === "message.dead",
    );
    expect(parked, "attempts used up").toEqual([]);
    relayAndConsumer.kill("SIGTERM");
    expect(await relayAndConsumer.exited).toMatchObject({ code: 0 });
  },
);

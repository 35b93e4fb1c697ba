import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { isRunning, spawnTs, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { audit, flawless, seeded, tcpProxy, writeNotes, type TcpProxy } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const ROUNDS = 2;
const NOTES_PER_FAULT = 40;
const { database, pool } = preparedDatabase();

/** What happens to all connections of the worker. A stall ends as cables do: nobody is told, then all are reset. */
const FAULTS: readonly ((proxy: TcpProxy, meanwhile: () => Promise<unknown>) => Promise<void>)[] = [
  async (proxy, meanwhile) => {
    proxy.cut();
    await meanwhile();
  },
  async (proxy, meanwhile) => {
    proxy.reset();
    await meanwhile();
  },
  async (proxy, meanwhile) => {
    const fast = proxy.slow(15);
    await meanwhile();
    fast();
  },
  ...(["to-server", "to-client"] as const).flatMap((direction) => [
    async (proxy: TcpProxy, meanwhile: () => Promise<unknown>) => {
      const goOn = proxy.stall(direction);
      await meanwhile();
      goOn();
    },
    async (proxy: TcpProxy, meanwhile: () => Promise<unknown>) => {
      const goOn = proxy.stall(direction);
      await meanwhile();
      proxy.reset();
      goOn();
    },
  ]),
];

test.each(["pg", "knex"])(
  "%s: a worker whose connections are cut, reset, slow and stalled one way loses and repeats nothing",
  async (driver) => {
    await pool().query("truncate counter, noted, effect, total");
    await using proxy = await tcpProxy(database.url);
    const file = new URL("../src/ledger-worker.ts", import.meta.url);
    const env = { DATABASE_URL: proxy.url, DATA_DIR: `${testFolder()}/broker`, DRIVER: driver };
    await using worker = spawnTs(file, [], { env });
    await worker.ready();
    await using waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool: pool() }) });
    const writing = { pool: pool(), waybill, keys: 10, chance: seeded(8), rollbacks: 0.1 };
    let committed = 0;
    const write = async (): Promise<void> => {
      await writeNotes(writing, 3, NOTES_PER_FAULT);
      committed += NOTES_PER_FAULT;
    };
    const allArrive = (when: string): Promise<boolean> =>
      waitFor(async () => (await audit(pool())).lost === 0, {
        deadlineMs: 20_000,
        describe: () => `every effect ${when}\n${worker.output.slice(-20).join("\n")}`,
      });
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, fault] of FAULTS.entries()) {
        const during = write();
        await fault(proxy, write);
        await during;
        await allArrive(`after fault ${index} of round ${round}`);
      }
    }
    expect(await audit(pool())).toEqual(flawless(committed));
    expect(isRunning(worker.pid)).toBe(true);
    const waiting = await pool().query(
      "select from waybill.parked union all select from waybill.dead_letter",
    );
    expect(waiting.rowCount, "attempts used up").toBe(0);
    worker.kill("SIGTERM");
    expect(await worker.exited).toMatchObject({ code: 0 });
  },
);

import { nativeBroker } from "@waybill/broker";
import { createWaybill } from "@waybill/core";
import { pgTransaction, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, seeded, takeNote, writeNotes } from "../src/index.ts";
import { ownServer } from "./own-server.ts";

const NOTES = 100;
const { pool, restart } = ownServer();

test("prepared transactions: messages arrive after COMMIT PREPARED, also over a crash, and delay nobody before", async () => {
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker: nativeBroker({ dataDir: testFolder() }),
    relay: { leaseMs: 500, chunkRowsMax: 20 },
    onEvent: () => undefined,
  });
  waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await waybill.start();

  const prepare = async (name: string): Promise<void> => {
    const client = await pool().connect();
    await client.query("begin");
    const tx = pgTransaction(client);
    await takeNote(tx, waybill, name);
    await takeNote(tx, waybill, name, { nested: true });
    await client.query(`prepare transaction '${name}'`);
    client.release();
  };
  const names = ["soon", "after-crash", "never", "much-later"];
  onTestFinished(async () => {
    const { rows } = await pool().query<{ gid: string }>("select gid from pg_prepared_xacts");
    for (const { gid } of rows) await pool().query(`rollback prepared '${gid}'`);
  });

  let committed = 0;
  const chance = seeded(3);
  const writing = { pool: pool(), waybill, keys: 8, chance, rollbacks: 0.2 };
  const othersFlow = async (when: string): Promise<void> => {
    await writeNotes(writing, 4, NOTES);
    committed += NOTES;
    await allArrive(when);
  };
  const allArrive = async (when: string): Promise<void> => {
    await waitFor(async () => (await audit(pool())).effects >= committed, {
      deadlineMs: 20_000,
      describe: when,
    });
    expect(await audit(pool()), when).toEqual(flawless(committed));
  };
  const commit = async (name: string): Promise<void> => {
    await pool().query(`commit prepared '${name}'`);
    committed += 2;
    await allArrive(`${name} is committed`);
  };

  for (const name of names) {
    await prepare(name);
    await othersFlow(`${name} is prepared`);
  }
  await commit("soon");
  await othersFlow("soon was committed");
  await restart("crash");
  await waitFor(() => pool().query("select 1"));
  await othersFlow("the server crashed");
  await commit("after-crash");
  await restart("fast");
  await waitFor(() => pool().query("select 1"));
  await pool().query("rollback prepared 'never'");
  await othersFlow("the server restarted");
  await commit("much-later");
  const { rowCount } = await pool().query("select from waybill.outbox where key = 'never'");
  expect(rowCount).toBe(0);
  await waybill.stop();
});

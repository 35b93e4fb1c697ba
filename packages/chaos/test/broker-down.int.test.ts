import { createWaybill, memoryBroker, type WaybillEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { applyNote, audit, flawless, Noted, seeded, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const { pool } = preparedDatabase();

test("while the broker is down nobody's attempts are used up, and the backlog drains in order afterwards", async () => {
  const broker = memoryBroker();
  const events: WaybillEvent[] = [];
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker,
    relay: { pauseMaxMs: 20 },
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  await waybill.start();
  const writing = { pool: pool(), waybill, keys: 5, chance: seeded(3), rollbacks: 0 };
  await writeNotes(writing, 4, 100);
  broker.faults.goDown();
  await writeNotes(writing, 4, 1_000);
  const pauses = (): number => events.filter(({ type }) => type === "relay.paused").length;
  await waitFor(() => pauses() > 10, { deadlineMs: 5_000, describe: "the relay waiting" });
  const waiting = await pool().query("select from waybill.parked union all select from waybill.dead_letter");
  expect(waiting.rowCount).toBe(0);
  broker.faults.comeUp();
  await waitFor(async () => (await audit(pool())).lost === 0, {
    deadlineMs: 20_000,
    describe: "the backlog drained",
  });
  expect(await audit(pool())).toEqual(flawless(1_100));
});

import { createWaybill, memoryBroker, Unprocessable, type WaybillEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import {
  applyNote,
  audit,
  flawless,
  Noted,
  seeded,
  tcpProxy,
  writeNotes,
  type StatementFault,
} from "../src/index.ts";
import { Parking } from "../src/step.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 100;
const { database, pool: direct } = preparedDatabase();

test("compensations whose COMMIT is cut write, send and bury once, or not at all", async () => {
  const seed = Number(process.env["WAYBILL_SEED"] ?? Date.now() % 1_000_000);
  console.log(`seed ${seed} (repeat with WAYBILL_SEED=${seed})`);
  const chance = seeded(seed);
  await using proxy = await tcpProxy(database.url);
  const pool = new Pool({ connectionString: proxy.url, max: 6 });
  pool.on("error", () => undefined);
  onTestFinished(() => pool.end());
  const events: WaybillEvent[] = [];
  const answers: string[] = [];
  const broker = memoryBroker();
  await using relay = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: direct() }),
    broker,
  });
  await using consumer = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool }),
    broker,
    consumer: { pauseMaxMs: 20 },
    onEvent: (event) => events.push(event),
  });
  consumer.consumer("ledger").on(
    Noted,
    async (note, { tx }) => {
      await applyNote(tx, { ...note, no: -note.no }); // must not remain
      throw new Unprocessable("no note can be taken");
    },
    {
      compensate: async (note, { tx, send }) => {
        await applyNote(tx, note);
        await send(Parking, note);
      },
    },
  );
  relay.consumer("answers").on(Parking, ({ key, no }) => {
    answers.push(`${key}/${no}`);
  });
  await relay.start();
  await consumer.start({ relay: false });
  const cut = { before: 0, after: 0, none: 0 };
  const kinds: readonly StatementFault[] = ["before", "after", "none", "none"];
  proxy.onStatement("commit", () => {
    const kind = kinds[chance.below(kinds.length)] ?? "none";
    cut[kind] += 1;
    return kind;
  });
  await writeNotes({ pool: direct(), waybill: relay, keys: 6, chance, rollbacks: 0 }, 3, NOTES);
  const letters = async (): Promise<number> =>
    (await direct().query("select from waybill.dead_letter where answered")).rowCount ?? -1;
  await waitFor(async () => (await letters()) === NOTES, {
    deadlineMs: 30_000,
    describe: "every dead letter",
  });
  await waitFor(() => answers.length >= NOTES, { deadlineMs: 10_000, describe: "every answer" });
  expect(await audit(direct()), `seed ${seed}`).toEqual(flawless(NOTES));
  expect(new Set(answers).size, `seed ${seed}`).toBe(NOTES);
  expect(answers.length, `seed ${seed}`).toBe(NOTES);
  expect(Math.min(cut.before, cut.after), "cuts of each kind").toBeGreaterThan(5);
  expect(events.filter(({ type }) => type === "message.parked")).toEqual([]);
  proxy.onStatement("commit", () => "none");
  await Promise.all([consumer.stop(), relay.stop()]);
});

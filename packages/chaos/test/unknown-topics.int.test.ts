import { createWaybill, fixed, memoryBroker, type Waybill, type WaybillEvent } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, takeNote } from "../src/index.ts";
import { lentBroker } from "../src/lent-broker.ts";
import { Blocking } from "../src/step.ts";
import { preparedDatabase } from "./prepared-database.ts";

const { pool } = preparedDatabase();

interface Deployment {
  readonly waybill: Waybill<PgTransaction>;
  readonly events: WaybillEvent[];
}

async function parked(): Promise<string[]> {
  const { rows } = await pool().query<{ text: string }>(
    "select concat_ws(' ', topic, reason, attempts) as text from waybill.parked where consumer_group = 'ledger' order by id",
  );
  return rows.map(({ text }) => text);
}

test("what a group parked of a topic that its next deployment does not know waits, and uses up no attempt", async () => {
  const broker = memoryBroker();
  let failing = true;
  const deploy = async (knowsNotes: boolean): Promise<Deployment> => {
    const events: WaybillEvent[] = [];
    const waybill = createWaybill({
      source: "notes",
      storage: postgresStorage({ pool: pool() }),
      broker: lentBroker(broker),
      topics: [Noted],
      relay: { leaseMs: 500 },
      consumer: { unknownRetryMs: 20 },
      onEvent: (event) => events.push(event),
    });
    onTestFinished(() => waybill.stop());
    const group = waybill.consumer("ledger").on(Blocking, () => undefined);
    if (knowsNotes) {
      group.on(
        Noted,
        async (note, { tx }) => {
          if (failing) throw new Error("not yet");
          await applyNote(tx, note);
        },
        { retry: fixed({ everyMs: 20, attempts: 1_000 }) },
      );
    }
    await waybill.start();
    return { waybill, events };
  };
  const take = (waybill: Waybill<PgTransaction>): Promise<number> =>
    inTransaction(pool(), (tx) => takeNote(tx, waybill, "k"));

  const first = await deploy(true);
  await take(first.waybill);
  await take(first.waybill);
  await waitFor(async () => (await parked()).length === 2, { describe: "one parked and one behind it" });
  await first.waybill.stop();
  const [before = ""] = await parked();
  const attempts = Number(before.split(" ").at(-1));
  expect(attempts).toBeGreaterThan(0);

  const second = await deploy(false);
  await take(second.waybill); // the broker keeps it for the group
  const looks = (): number =>
    second.events.filter((event) => event.type === "message.parked" && event.reason === "unknown").length;
  await waitFor(() => looks() >= 2, { describe: "it was looked at again" });
  expect(await parked()).toEqual([`note.taken unknown ${attempts}`, "note.taken behind 0"]);
  const { rows } = await pool().query<{ error: string }>(
    "select error from waybill.parked where reason = 'unknown'",
  );
  expect(rows[0]?.error).toMatch(/no handler for topic note\.taken/);
  await second.waybill.stop();

  failing = false;
  await deploy(true);
  await waitFor(async () => (await audit(pool())).lost === 0, {
    deadlineMs: 20_000,
    describe: "all effects",
  });
  expect(await audit(pool())).toEqual(flawless(3));
  expect(await parked()).toEqual([]);
  expect((await pool().query("select from waybill.dead_letter")).rowCount).toBe(0);
});

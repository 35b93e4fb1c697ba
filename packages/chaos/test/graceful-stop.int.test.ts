import { createWaybill, memoryBroker, type Waybill, type WaybillEvent } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, takeNote } from "../src/index.ts";
import { lentBroker } from "../src/lent-broker.ts";
import { preparedDatabase } from "./prepared-database.ts";

const { pool } = preparedDatabase();
const broker = memoryBroker();

interface Service {
  readonly waybill: Waybill<PgTransaction>;
  readonly events: WaybillEvent[];
  readonly entered: number[];
}

/** A process of the group, whose handler of note `held` waits for `gate` after its effect. */
async function service(held: number, gate: Promise<void>): Promise<Service> {
  const events: WaybillEvent[] = [];
  const entered: number[] = [];
  const waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker: lentBroker(broker),
    relay: { leaseMs: 500 },
    onEvent: (event) => events.push(event),
  });
  waybill.consumer("ledger").on(Noted, async (note, { tx }) => {
    await applyNote(tx, note);
    entered.push(note.no);
    if (note.no === held) await gate;
  });
  onTestFinished(() => waybill.stop({ deadlineMs: 100 }));
  await waybill.start();
  return { waybill, events, entered };
}

function gated(): { gate: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { gate: promise, open: () => resolve(undefined) };
}

async function takeNotes(waybill: Waybill<PgTransaction>, count: number): Promise<void> {
  for (let no = 0; no < count; no += 1) {
    await inTransaction(pool(), async (tx) => {
      await takeNote(tx, waybill, "k");
    });
  }
}

const emptied = () => pool().query("truncate counter, noted, effect, total");
const of = ({ events }: Service, type: WaybillEvent["type"]): number =>
  events.filter((event) => event.type === type).length;

test("a stop waits for what is in work, and nothing else begins", async () => {
  await emptied();
  const { gate, open } = gated();
  const first = await service(1, gate);
  await takeNotes(first.waybill, 5);
  await waitFor(() => first.entered.length === 1);
  const stopped = first.waybill.consumer("ledger").stop({ deadlineMs: 20_000 });
  open();
  await stopped;
  await first.waybill.stop();
  expect(first.entered).toEqual([1]);
  expect(await audit(pool())).toMatchObject({ effects: 1, lost: 4 });

  const second = await service(0, Promise.resolve());
  await waitFor(() => of(second, "message.applied") === 4);
  expect(await audit(pool())).toEqual(flawless(5));
  expect(of(second, "message.duplicate"), "what was finished was acknowledged").toBe(0);
});

test.each(["commits after all", "fails after all"])(
  "past the deadline of a stop what is in work goes to the next process, once, when the first %s",
  async (end) => {
    await emptied();
    const { gate, open } = gated();
    const failing = gate.then(() => {
      if (end.startsWith("fails")) throw new Error("too late");
    });
    failing.catch(() => undefined);
    const first = await service(1, failing);
    await takeNotes(first.waybill, 3);
    await waitFor(() => first.entered.length === 1);
    await first.waybill.stop({ deadlineMs: 50 });

    const second = await service(0, Promise.resolve());
    const waits =
      "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    await waitFor(async () => (await pool().query(waits)).rowCount === 1, { describe: "the copy to wait" });
    open();
    await waitFor(async () => (await audit(pool())).lost === 0, {
      deadlineMs: 20_000,
      describe: "all effects",
    });
    await waitFor(() => of(second, "message.duplicate") === 1, {
      describe: "the copy to be settled",
    });
    expect(await audit(pool())).toEqual(flawless(3));
    // Its copy found the effect, or that the first process had parked it.
    expect(of(second, "message.duplicate")).toBe(1);
  },
);

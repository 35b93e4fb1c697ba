import {
  createWaybill,
  fixed,
  memoryBroker,
  Unprocessable,
  type BatchContext,
  type BatchItem,
  type WaybillEvent,
} from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, takeNote } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const NOTES = 64;
const KEYS = 8;
const { pool } = preparedDatabase();

type Items = readonly BatchItem<typeof Noted>[];

/** Takes all notes in one transaction, then starts a group that handles them in batches of up to 64. */
async function handleTogether(
  handle: (
    items: Items,
    context: BatchContext<PgTransaction>,
    events: readonly WaybillEvent[],
  ) => Promise<void>,
): Promise<{ events: WaybillEvent[]; sizes: number[] }> {
  await pool().query(
    "truncate counter, noted, effect, total, waybill.parked, waybill.dead_letter, waybill.inbox, waybill.outbox",
  );
  const events: WaybillEvent[] = [];
  const sizes: number[] = [];
  const waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker: memoryBroker(),
    consumer: { pauseMaxMs: 20 },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => waybill.stop());
  const retry = fixed({ everyMs: 20, attempts: 1_000 });
  const batch = async (items: Items, context: BatchContext<PgTransaction>): Promise<void> => {
    sizes.push(items.length);
    for (const { payload } of items) await applyNote(context.tx, payload);
    await handle(items, context, events);
  };
  waybill.consumer("ledger").onBatch(Noted, batch, { size: NOTES, retry });
  await inTransaction(pool(), async (tx) => {
    for (let no = 0; no < NOTES; no += 1) await takeNote(tx, waybill, `k${no % KEYS}`);
  });
  await waybill.start();
  return { events, sizes };
}

const settled = (events: readonly WaybillEvent[]): number =>
  events.filter(({ type }) => type === "message.applied" || type === "message.dead").length;

const isBad = ({ payload }: Items[number]): boolean => payload.key === "k3" && payload.no === 4;

test("a message that no retry can help is found by halving and takes no other with it", async () => {
  const { events, sizes } = await handleTogether((items) => {
    if (items.some(isBad)) throw new Unprocessable("this one");
    return Promise.resolve();
  });
  await waitFor(() => settled(events) === NOTES, { deadlineMs: 20_000, describe: "all settled" });
  expect(await audit(pool())).toEqual({ ...flawless(NOTES), effects: NOTES - 1, lost: 1 });
  const dead = events.filter(({ type }) => type === "message.dead");
  expect(dead).toMatchObject([{ message: { key: "k3" }, reason: "Unprocessable" }]);
  expect(sizes[0], "the first batch").toBeGreaterThan(8);
  expect(sizes, "found alone").toContain(1);
  expect(sizes.length, "far fewer transactions than messages").toBeLessThan(NOTES / 2);
});

test("one that fails for a while is parked, later ones of its key wait behind it, and order holds", async () => {
  const { events } = await handleTogether((items, _context, soFar) => {
    const behind = soFar.some((event) => event.type === "message.parked" && event.reason === "behind");
    if (items.some(isBad) && !behind) throw new Error("not yet");
    return Promise.resolve();
  });
  await waitFor(() => settled(events) === NOTES, { deadlineMs: 20_000, describe: "all settled" });
  expect(await audit(pool())).toEqual(flawless(NOTES));
  const parked = events.flatMap((event) => (event.type === "message.parked" ? [event] : []));
  expect(new Set(parked.map(({ reason }) => reason))).toEqual(new Set(["retry", "behind"]));
  expect(new Set(parked.map(({ message }) => message.key))).toEqual(new Set(["k3"]));
});

test("a batch whose connection dies is run again, uses up no attempt, and every effect happens once", async () => {
  let kills = 3;
  const { events } = await handleTogether(async (_items, { tx }) => {
    kills -= 1;
    if (kills >= 0) await tx.query("select pg_terminate_backend(pg_backend_pid())");
  });
  await waitFor(() => settled(events) === NOTES, { deadlineMs: 20_000, describe: "all settled" });
  expect(await audit(pool())).toEqual(flawless(NOTES));
  expect(kills).toBeLessThan(0);
  expect(events.filter(({ type }) => type === "message.parked" || type === "message.dead")).toEqual([]);
});

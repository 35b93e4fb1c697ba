import { nativeBroker } from "@waybill/broker";
import { createWaybill, type Consumer } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { applyNote, audit, flawless, Noted, seeded, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const CONCURRENCY = 4;
const BATCH = 10;

const { database, pool } = preparedDatabase();

interface Bed {
  readonly consumer: Consumer<PgTransaction>;
  /** When handlers began, in milliseconds from any origin. */
  readonly begun: number[];
  /** Writes so many notes, and waits until the broker has them all. */
  readonly send: (notes: number) => Promise<void>;
}

async function bed(options: { readonly perSecond?: number; readonly batches?: boolean }): Promise<Bed> {
  await pool().query("truncate counter, noted, effect, total");
  const own = new Pool({ connectionString: database.url, max: 8 });
  onTestFinished(() => own.end());
  const published = { count: 0 };
  const waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: own }),
    broker: nativeBroker({ dataDir: testFolder() }),
    consumer: { perSecond: options.perSecond ?? null, concurrency: CONCURRENCY },
    onEvent(event) {
      if (event.type === "relay.published") published.count += event.count;
    },
  });
  onTestFinished(() => waybill.stop());
  const begun: number[] = [];
  const consumer = waybill.consumer("ledger");
  if (options.batches === true) {
    consumer.onBatch(
      Noted,
      async (items, { tx }) => {
        for (const { payload } of items) {
          begun.push(performance.now());
          await applyNote(tx, payload);
        }
      },
      { size: BATCH },
    );
  } else {
    consumer.on(Noted, async (note, { tx }) => {
      begun.push(performance.now());
      await applyNote(tx, note);
    });
  }
  await waybill.start();
  return {
    consumer,
    begun,
    async send(notes) {
      const before = published.count;
      const writing = { pool: pool(), waybill, keys: 12, chance: seeded(3), rollbacks: 0 };
      await writeNotes(writing, 4, notes);
      await waitFor(() => published.count === before + notes, { describe: "every note with the broker" });
    },
  };
}

const applied = async (notes: number): Promise<void> => {
  await waitFor(async () => (await audit(pool())).effects === notes, {
    deadlineMs: 30_000,
    describe: "every effect",
  });
  expect(await audit(pool())).toEqual(flawless(notes));
};

/** The most that began within any second. A pause of the machine is followed by no more than the burst. */
function mostInASecond(begun: readonly number[]): number {
  return Math.max(...begun.map((from, index) => begun.slice(index).filter((at) => at < from + 1_000).length));
}

test.each([
  ["one by one", false],
  ["in batches", true],
])("a rate limit holds %s, however many messages wait, and loses none", async (_title, batches) => {
  const { send, begun, consumer } = await bed({ perSecond: 40, batches });
  consumer.pause();
  await send(140);
  const from = performance.now();
  consumer.resume();
  await applied(140);
  expect(performance.now() - from).toBeGreaterThan(2_500);
  // A tenth of a second's worth may have been saved up, and what the limit let pass may wait for its transaction.
  expect(mostInASecond(begun)).toBeLessThanOrEqual(40 + 4 + (batches ? BATCH : CONCURRENCY));
});

test("what is sent during a pause waits in the broker, and is applied once after it", async () => {
  const { send, begun, consumer } = await bed({});
  await send(20);
  await applied(20);
  for (let round = 0; round < 3; round += 1) {
    consumer.pause();
    // What is in work is finished.
    await waitFor(async () => (await audit(pool())).effects === begun.length);
    const before = begun.length;
    await send(30);
    expect(begun.length).toBe(before);
    consumer.resume();
    await applied(before + 30);
  }
});

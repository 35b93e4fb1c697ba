import { createWaybill } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { Noted, seeded, tableBroker, writeNotes } from "../src/index.ts";
import { preparedDatabase } from "./prepared-database.ts";

const { pool } = preparedDatabase();

interface PublishedRow {
  readonly key: string;
  readonly message_id: string;
  readonly no: number;
}

async function published(): Promise<PublishedRow[]> {
  const { rows } = await pool().query<PublishedRow>(
    `select p.key, p.message_id, (convert_from(o.payload, 'utf8')::json ->> 'no')::int as no
     from published p join waybill.outbox o using (message_id) order by p.id`,
  );
  return rows;
}

test("8 writers, rollbacks, early xids and a transaction held open: all that committed is published once, in order, undelayed", async () => {
  await using waybill = createWaybill({
    source: "notes",
    storage: postgresStorage({ pool: pool() }),
    broker: tableBroker(pool()),
    relay: { chunkRowsMax: 50 },
  });
  await waybill.start({ consumers: false });

  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const begun = Promise.withResolvers<void>();
  const open = inTransaction(pool(), async (tx) => {
    await tx.query("select pg_current_xact_id()");
    await waybill.send(tx, Noted, { key: "held", no: 1 });
    begun.resolve();
    await held;
  });
  await begun.promise;

  const chance = seeded(11);
  const rolledBack = await writeNotes({ pool: pool(), waybill, keys: 12, chance, rollbacks: 0.25 }, 8, 3_000);
  expect(rolledBack).toBeGreaterThan(500);
  await waitFor(async () => (await published()).length >= 3_000, {
    deadlineMs: 20_000,
    describe: "everything published while one transaction stays open",
  });

  const before = await published();
  expect(before).toHaveLength(3_000);
  expect(new Set(before.map(({ message_id }) => message_id)).size).toBe(3_000);
  expect(before.some(({ key }) => key === "held")).toBe(false);
  const last = new Map<string, number>();
  for (const { key, no } of before) {
    expect(no, `the successor of note ${last.get(key) ?? 0} of ${key}`).toBe((last.get(key) ?? 0) + 1);
    last.set(key, no);
  }

  letGo();
  await open;
  await waitFor(async () => (await published()).length === 3_001, {
    deadlineMs: 5_000,
    describe: "the late one",
  });
  expect((await published()).at(-1)).toMatchObject({ key: "held", no: 1 });
});

import { inTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { Noted } from "../src/index.ts";
import { steadySenders, type Sent } from "../src/steady-senders.ts";
import { preparedDatabase } from "./prepared-database.ts";
import { retentionBed } from "./retention-bed.ts";

const LEAF_SECONDS = 1;
const { pool } = preparedDatabase({ leafSeconds: LEAF_SECONDS });

/** A transaction that stays open until the answer's `end`. */
async function open(work: Parameters<typeof inTransaction<void>>[1]): Promise<{ end: () => Promise<void> }> {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const done = inTransaction(pool(), async (tx) => {
    await work(tx);
    begun.resolve();
    await ended.promise;
  });
  done.catch((error: unknown) => begun.reject(error));
  await begun.promise;
  return {
    end: async () => {
      ended.resolve();
      await done;
    },
  };
}

/** Waiting for a lock is what purging could cost; the rest is the machine, which the control shows. */
function expectNobodyWaited({ slowestInsertMs, slowestControlMs, failures }: Sent): void {
  expect(failures).toEqual([]);
  expect(slowestInsertMs, `while ${slowestControlMs} ms without a lock`).toBeLessThan(100 + slowestControlMs);
}

test("transactions open for long that wrote into or read the outbox delay no INSERT while purge runs all the time, and the late message arrives", async () => {
  const the = await retentionBed(pool(), LEAF_SECONDS);
  await the.waybill.start({ consumers: false });
  let lateId = "";
  const late = await open(async (tx) => {
    lateId = (await the.waybill.send(tx, Noted, { key: "late", no: 1 })).id;
  });
  const reader = await open(async (tx) => void (await tx.query("select count(*) from waybill.outbox")));
  const stop = steadySenders(pool(), the.waybill, 3);
  const done = new AbortController();
  let freed = 0;
  const purged = (async () => {
    while (!done.signal.aborted) freed += await the.storage.outbox.purge(LEAF_SECONDS * 1_000);
  })();
  await the.turned(3);
  expect(freed, "leaves that a reader is in").toBe(0);
  await reader.end();
  await the.turned(6);
  expect(freed, "leaves freed while the writer stays open, which is in one of four").toBeGreaterThan(1);
  done.abort();
  await purged;
  const sent = await stop();
  expectNobodyWaited(sent);
  await waitFor(async () => (await the.published()).length >= sent.ids.length, {
    describe: "everything else published",
  });
  expect(await the.published()).not.toContain(lateId);

  await late.end();
  const all = [...sent.ids, lateId];
  await waitFor(async () => (await the.published()).length >= all.length, {
    describe: "everything published",
  });
  expect((await the.published()).toSorted()).toEqual(all.toSorted());
  expect((await the.published()).at(-1)).toBe(lateId);
  await waitFor(
    async () => {
      await the.storage.outbox.purge(LEAF_SECONDS * 1_000);
      return (await the.leaves()).length === 0;
    },
    { deadlineMs: 15_000, describe: "every leaf freed" },
  );
});

import {
  createDeadLetters,
  createWaybill,
  defineTopic,
  fixed,
  memoryBroker,
  OUTGOING,
  type DeadLetters,
  type NewDeadLetter,
} from "@waybill/core";
import { grantStatements } from "@waybill/migrations";
import { waitFor } from "@waybill/services";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, SOURCE, testPool } from "./support/test-storage.ts";

const Placed = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ order: z.string(), no: z.number() }),
  key: ({ order }) => order,
});
const ACT = { by: "ada", reason: "stock was counted anew" };

describe("dead letters on PostgreSQL", () => {
  const database = migratedDatabase();

  /** A process with the group `stock`, whose effects are rows of a table without any key of its own. */
  async function service(group: string) {
    const pool = testPool(database.url);
    await pool.query("create table if not exists effect (group_name text, no integer, at serial)");
    const storage = postgresStorage({ pool });
    const waybill = createWaybill({
      source: SOURCE,
      storage,
      broker: memoryBroker(),
      onEvent: () => undefined,
    });
    const state = { broken: true, cut: new Set<number>() };
    waybill.consumer(group).on(Placed, async ({ no }, { tx }) => {
      await effect(tx, group, no);
      if (state.cut.delete(no)) await tx.query("select pg_terminate_backend(pg_backend_pid())");
      if (state.broken) throw Object.assign(new Error(`no stock for ${no}`), { name: "Unprocessable" });
    });
    onTestFinished(() => waybill.stop());
    return { pool, storage, waybill, state };
  }

  const effect = async (tx: PgTransaction, group: string, no: number): Promise<void> => {
    await tx.query("insert into effect (group_name, no) values ($1, $2)", [group, no]);
  };

  async function effects(pool: Pool, group: string): Promise<number[]> {
    const text = "select no from effect where group_name = $1 order by at";
    return (await pool.query<{ no: number }>(text, [group])).rows.map(({ no }) => no);
  }

  /** Sends orders of one key and waits until all of them are dead letters of the group. */
  async function killed(from: Awaited<ReturnType<typeof service>>, group: string, count: number) {
    const { storage, waybill } = from;
    await waybill.start();
    await storage.transaction(async (tx) => {
      const orders = Array.from({ length: count }, (_, no) => ({ order: "a", no }));
      await waybill.sendMany(tx, Placed, orders);
    });
    await waitFor(async () => (await waybill.deadLetters.count({ group })).count === count, {
      deadlineMs: 30_000,
    });
    from.state.broken = false;
  }

  /** Letters that nobody had to die for. */
  async function fill(pool: Pool, group: string, count: number): Promise<void> {
    await pool.query(
      `insert into waybill.dead_letter (consumer_group, message_id, source, topic, version, key, partition, headers,
        content_type, payload, created_at, ordering, attempts, attempts_total, reason, error, fingerprint, answered,
        failing_since)
      select $1, n::text, 's', 'topic.' || n % 50, 1, 'k' || n % 1000, 1, '{}', 'x', '', now(), 'blocking', 1, 1, 'Error',
        'Error: x', 'f' || n % 200, false, now()
      from generate_series(1, $2::integer) n`,
      [group, count],
    );
  }

  const unsent = (no: number): NewDeadLetter => ({
    group: OUTGOING,
    envelope: envelope({ payload: Buffer.from(JSON.stringify({ order: "a", no })) }),
    order: "blocking",
    attempts: 1,
    reason: "UNROUTABLE",
    error: "WaybillError [UNROUTABLE]: no group",
    fingerprint: "0123456789ab",
    failingSince: null,
    answered: false,
  });

  const states = async (letters: DeadLetters, group: string): Promise<Record<string, number>> => {
    const all = await letters.list({ group, state: "any", limit: 1_000 });
    const counts: Record<string, number> = {};
    for (const { state } of all) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  };

  test("hundreds retried by three operators at once run once each, in order, across two processes", async () => {
    const [one, two] = [await service("once"), await service("once")];
    const count = 200;
    await killed(one, "once", count);
    two.state.broken = false;
    const operators = [one, two, one].map(({ waybill }, index) =>
      waybill.deadLetters.retry({ group: "once" }, { ...ACT, by: `operator ${index}` }),
    );
    const counts = (await Promise.all(operators)).map((acted) => acted.count);
    expect(counts.reduce((sum, acted) => sum + acted)).toBe(count);
    const consumers = [one, two].map(({ waybill }) => waybill.consumer("once"));
    await waitFor(
      async () => {
        await Promise.all(consumers.map((consumer) => consumer.runParked()));
        return (await states(one.waybill.deadLetters, "once"))["recovered"] === count;
      },
      { deadlineMs: 40_000 },
    );
    expect(await effects(one.pool, "once")).toEqual(Array.from({ length: count }, (_, no) => no));
    expect(await one.waybill.deadLetters.audit({ limit: 1_000 })).toHaveLength(count);
  });

  test("connections that die after the effect of a retried message repeat nothing and lose nothing", async () => {
    const bed = await service("cut");
    await killed(bed, "cut", 20);
    for (const no of [0, 3, 4, 19]) bed.state.cut.add(no);
    await bed.waybill.deadLetters.retry({ group: "cut" }, ACT);
    await waitFor(
      async () => {
        await bed.waybill
          .consumer("cut")
          .runParked()
          .catch(() => 0);
        return (await states(bed.waybill.deadLetters, "cut"))["recovered"] === 20;
      },
      { deadlineMs: 40_000 },
    );
    expect(bed.state.cut.size).toBe(0);
    expect(await effects(bed.pool, "cut")).toEqual(Array.from({ length: 20 }, (_, no) => no));
  });

  test("a run that was taken over in between claims nothing a second time", async () => {
    const bed = await service("over");
    await killed(bed, "over", 1);
    const { storage, waybill } = bed;
    await waybill.stop();
    const letters = createDeadLetters({ storage });
    await letters.retry({ group: "over" }, ACT);
    const stale = await storage.transaction((tx) => storage.parked.takeDue(tx, "over"));
    if (stale === null) throw new Error("nothing was due");
    const { parkedId, delivery } = stale;
    const claim = { group: "over", envelope: stale.envelope, ordered: true, parkedId, delivery };
    await storage.transaction(async (tx) => {
      expect(await storage.inbox.claim(tx, claim)).toBe("claimed");
      await storage.parked.remove(tx, parkedId);
    });
    expect(await storage.transaction((tx) => storage.inbox.claim(tx, claim))).toBe("duplicate");
    expect(await states(letters, "over")).toEqual({ recovered: 1 });
  });

  test("the times at which retried messages are due follow the rate, over all transactions of the retry", async () => {
    const pool = testPool(database.url);
    await fill(pool, "rate", 600);
    const letters = createDeadLetters({ storage: postgresStorage({ pool }) });
    expect(await letters.retry({ group: "rate" }, { ...ACT, perSecond: 10 })).toMatchObject({ count: 600 });
    const { rows } = await pool.query<{ spread: string; ordered: boolean }>(
      `select extract(epoch from max(due_at) - min(due_at))::numeric(10, 1)::text as spread,
        bool_and(due_at >= before) as ordered
      from (select due_at, coalesce(lag(due_at) over (order by id), due_at) as before from waybill.parked where consumer_group = 'rate') p`,
    );
    expect(rows).toEqual([{ spread: "59.9", ordered: true }]);
  });

  test("a worker's role can do all of it, and cannot change the audit", async () => {
    const bed = await service("role");
    await killed(bed, "role", 2);
    const admin = testPool(database.url, 1);
    const role = `operator_${process.pid}`;
    await admin.query(`create role ${role}`);
    for (const statement of grantStatements({ worker: role })) await admin.query(statement);
    const pool = new Pool({ connectionString: database.url, max: 2, options: `-c role=${role}` });
    onTestFinished(async () => {
      await pool.end();
      await admin.query(`drop owned by ${role}; drop role ${role}`);
    });
    const letters = createDeadLetters({ storage: postgresStorage({ pool }), topics: [Placed] });
    const [first] = await letters.list({ group: "role" });
    await letters.edit(first?.deadLetterId ?? 0, { order: "a", no: 9 }, ACT);
    await letters.retry(first?.deadLetterId ?? 0, ACT);
    await letters.discard({ group: "role" }, ACT);
    expect((await letters.audit({ limit: 3 })).map(({ act }) => act)).toEqual(["discard", "retry", "edit"]);
    await expect(pool.query("delete from waybill.dead_letter_audit")).rejects.toMatchObject({
      code: "42501",
    });
    await expect(pool.query("delete from waybill.dead_letter")).rejects.toMatchObject({ code: "42501" });
  });

  test("two processes that answer what was given up answer each message once, failures included", async () => {
    const count = 40;
    const answering = await Promise.all(
      [1, 2].map(async () => {
        const bed = await service("unused");
        bed.waybill.onGiveUp(
          Placed,
          async ({ no }, { tx, attempt }) => {
            await effect(tx, "given up", no);
            if (no % 10 === 0 && attempt === 1) throw new Error("ledger locked");
          },
          { retry: fixed({ everyMs: 1, attempts: 10 }) },
        );
        return bed;
      }),
    );
    const [{ storage, pool, waybill } = await service("unused")] = answering;
    await storage.transaction(async (tx) => {
      for (let no = 0; no < count; no += 1) await storage.deadLetters.bury(tx, unsent(no));
    });
    await Promise.all(answering.map((one) => one.waybill.start({ relay: false, consumers: false })));
    await waitFor(
      async () => {
        const letters = await waybill.deadLetters.list({ group: OUTGOING, topic: Placed.name });
        return letters.length === count && letters.every(({ answered }) => answered);
      },
      { deadlineMs: 20_000 },
    );
    const all = Array.from({ length: count }, (_, no) => no);
    expect((await effects(pool, "given up")).toSorted((a, b) => a - b)).toEqual(all);
  });

  test("groups, pages and filters of 100,000 letters are answered quickly", async () => {
    const pool = testPool(database.url);
    await fill(pool, "many", 100_000);
    await pool.query("analyze waybill.dead_letter");
    const letters = createDeadLetters({ storage: postgresStorage({ pool }) });
    const quick = async (work: () => Promise<unknown>, ms: number): Promise<void> => {
      const startedAt = performance.now();
      await work();
      expect(performance.now() - startedAt).toBeLessThan(ms);
    };
    expect((await letters.groups())[0]?.count).toBeGreaterThanOrEqual(490);
    await quick(() => letters.groups(), 2_000);
    await letters.list({ group: "many", limit: 1 });
    await quick(() => letters.list({ fingerprint: "f7", limit: 100 }), 300);
    await quick(() => letters.list({ group: "many", topic: "topic.3", after: 50_000, limit: 100 }), 300);
    await quick(() => letters.count({ group: "many" }, { limit: 1_000 }), 3_000);
  });
});

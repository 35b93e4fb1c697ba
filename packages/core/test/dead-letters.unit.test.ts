import { expect, onTestFinished, test } from "vitest";
import { createDeadLetters, fixed, RetryLater, Unprocessable } from "../src/index.ts";
import { createBed, Placed, type Bed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const ACT = { by: "ada", reason: "stock was counted anew" };

/** A group whose handler fails for good while `broken` says so, and notes what it applied. */
async function breakable(options: Parameters<typeof createBed>[0] = {}) {
  const bed = createBed(options);
  const broken = new Set<number>();
  const applied: number[] = [];
  bed.waybill.consumer("stock").on(Placed, async ({ no }, { tx }) => {
    await tx.update("effects", (count) => Number(count ?? 0) + 1);
    if (broken.has(no)) throw new Unprocessable(`no stock for order ${no}`);
    applied.push(no);
  });
  await bed.waybill.start();
  const deadLetters = bed.waybill.deadLetters;
  const dead = async (count: number): Promise<void> => {
    await eventually(`${count} dead`, async () => (await deadLetters.list()).length === count);
  };
  return { ...bed, deadLetters, broken, applied, dead };
}

/** Runs the scheduled jobs until something holds. */
async function ticking({ cron }: Bed, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => {
    await cron.tick();
    return holds();
  });
}

test("a message that died is retried in spite of its inbox record, and its effect happens once", async () => {
  const bed = await breakable();
  const { deadLetters, broken, applied, storage, place, dead } = bed;
  broken.add(1);
  await place("a", 1, 2);
  await dead(1);
  broken.clear();
  const [letter] = await deadLetters.list();
  expect(await deadLetters.retry(letter?.deadLetterId ?? 0, ACT)).toEqual({ count: 1, more: false });
  await ticking(bed, "applied", () => applied.length === 2);
  await bed.cron.tick();
  expect(applied).toEqual([2, 1]);
  expect(storage.committed("effects")).toBe(2);
  expect(await deadLetters.list()).toEqual([]);
  expect(await deadLetters.list({ state: "recovered" })).toMatchObject([{ delivery: 1, attempts: 1 }]);
});

test("a retried message that fails again is dead again, its attempts counted anew and in total", async () => {
  const bed = createBed();
  let attempts = 0;
  const broken = (): void => {
    attempts += 1;
    throw new Error("broken");
  };
  bed.waybill.consumer("stock").on(Placed, broken, { retry: fixed({ everyMs: 1, attempts: 3 }) });
  await bed.waybill.start();
  await bed.place("a", 1);
  const { deadLetters } = bed.waybill;
  const deaths = async () => (await deadLetters.list())[0]?.deaths;
  await ticking(bed, "dead", async () => (await deaths()) === 1);
  const [first] = await deadLetters.list();
  await deadLetters.retry("all", ACT);
  await ticking(bed, "dead again", async () => (await deaths()) === 2);
  expect(attempts).toBe(6);
  const [letter] = await deadLetters.list();
  expect(letter).toMatchObject({ attempts: 3, attemptsTotal: 6, delivery: 1, state: "dead" });
  expect(letter?.failingSince).toBe(first?.failingSince);
  expect(letter?.fingerprint).toBe(first?.fingerprint);
});

test("retrying many at once by two operators runs each once, in the order of its key", async () => {
  const bed = await breakable();
  const { deadLetters, broken, applied, place, dead } = bed;
  const numbers = [1, 2, 3, 4, 5, 6];
  for (const no of numbers) broken.add(no);
  await place("a", ...numbers);
  await dead(numbers.length);
  broken.clear();
  const operators = ["ada", "bob"].map((by) => deadLetters.retry({ group: "stock" }, { ...ACT, by }));
  const counts = (await Promise.all(operators)).map(({ count }) => count);
  expect(counts.reduce((sum, count) => sum + count)).toBe(numbers.length);
  await ticking(bed, "applied", () => applied.length === numbers.length);
  expect(applied).toEqual(numbers);
  expect(await deadLetters.audit()).toHaveLength(numbers.length);
});

test("a retried message that fails holds up those behind it that were retried with it", async () => {
  const bed = createBed();
  let broken = true;
  const seen: string[] = [];
  bed.waybill.consumer("stock").on(Placed, ({ no }, { message, attempt }) => {
    if (broken) throw new Unprocessable("broken");
    if (no === 1 && attempt === 1) throw new RetryLater(1, "not yet");
    seen.push(`${no} ${message.key}`);
  });
  await bed.waybill.start();
  await bed.place("a", 1, 2);
  const { deadLetters } = bed.waybill;
  await eventually("both dead", async () => (await deadLetters.list()).length === 2);
  broken = false;
  await deadLetters.retry("all", ACT);
  await ticking(bed, "both applied", () => seen.length === 2);
  expect(seen).toEqual(["1 a", "2 a"]);
});

test("a retry is spread over time, and bounded", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead, storage } = bed;
  for (const no of [1, 2, 3, 4]) broken.add(no);
  await place("a", 1, 2, 3, 4);
  await dead(4);
  const retrying = await deadLetters.retry("all", { ...ACT, perSecond: 0.001, limit: 3 });
  expect(retrying).toEqual({ count: 3, more: true });
  expect(await deadLetters.count("all")).toEqual({ count: 1, more: false });
  broken.clear();
  await ticking(bed, "the first applied", () => bed.applied.length === 1);
  await bed.cron.tick();
  expect(await storage.parked.count(10)).toEqual([{ group: "stock", reason: "delayed", count: 2 }]);
});

test("a compensated message is retried in bulk only when asked for, and never compensated a second time", async () => {
  const bed = createBed();
  bed.waybill.consumer("stock").on(
    Placed,
    () => {
      throw new Unprocessable("no stock");
    },
    { compensate: async (_placed, { tx }) => void (await tx.update("refunds", (n) => Number(n ?? 0) + 1)) },
  );
  await bed.waybill.start();
  await bed.place("a", 1);
  const { deadLetters } = bed.waybill;
  await eventually("dead", async () => (await deadLetters.list()).length === 1);
  expect(await deadLetters.retry("all", ACT)).toEqual({ count: 0, more: false });
  expect(await deadLetters.count("all", { answered: true })).toEqual({ count: 1, more: false });
  expect(await deadLetters.retry("all", { ...ACT, answered: true })).toEqual({ count: 1, more: false });
  await ticking(bed, "dead again", async () => (await deadLetters.list())[0]?.deaths === 2);
  expect(bed.storage.committed("refunds")).toBe(1);
  const [letter] = await deadLetters.list();
  expect(await deadLetters.retry(letter?.deadLetterId ?? 0, ACT)).toEqual({ count: 1, more: false });
});

test("a failure keeps its stack and fingerprint while its compensation is tried again", async () => {
  const bed = createBed();
  const locked = new Set([2]);
  bed.waybill.consumer("stock").on(
    Placed,
    ({ no }) => {
      throw new Unprocessable(`no stock for order ${no}`);
    },
    {
      compensate: ({ no }, { error }) => {
        expect(error).toMatchObject({ name: "Unprocessable", message: `no stock for order ${no}` });
        if (locked.delete(no)) throw new Error("ledger locked");
      },
    },
  );
  await bed.waybill.start();
  await bed.place("a", 1);
  await bed.place("b", 2);
  const { deadLetters } = bed.waybill;
  await ticking(bed, "both dead", async () => (await deadLetters.list()).length === 2);
  const [late, direct] = await deadLetters.list();
  expect(late?.envelope.key).toBe("b");
  expect(late?.fingerprint).toBe(direct?.fingerprint);
  expect(late?.error).toMatch(/^Unprocessable: no stock for order 2\n +at /);
});

test("equal failures form one group, which can be retried by its fingerprint", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead } = bed;
  for (const no of [1, 2, 3]) broken.add(no);
  await place("a", 1, 2, 3);
  await dead(3);
  const [group, ...others] = await deadLetters.groups();
  expect(others).toEqual([]);
  expect(group).toMatchObject({ count: 3, group: "stock", topic: "order.placed" });
  expect(group?.example).toMatchObject({ key: "a", reason: "Unprocessable" });
  expect(group?.example.error).toMatch(/^Unprocessable: no stock for order 3\n +at /);
  const { fingerprint = "" } = group ?? {};
  expect(await deadLetters.retry({ fingerprint: "no such one" }, ACT)).toMatchObject({ count: 0 });
  expect(await deadLetters.retry({ fingerprint }, ACT)).toMatchObject({ count: 3 });
});

test("a letter is shown with its payload, whether its schema accepts it, and what was done", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead, storage } = bed;
  broken.add(1);
  await place("a", 1);
  await dead(1);
  const id = (await deadLetters.list())[0]?.deadLetterId ?? 0;
  await deadLetters.edit(id, { order: "a", no: 7 }, ACT);
  const shown = await deadLetters.show(id);
  expect(shown).toMatchObject({
    payload: { order: "a", no: 7 },
    schema: { kind: "accepted" },
    state: "dead",
  });
  expect(shown?.audit).toMatchObject([{ act: "edit", by: "ada", reason: ACT.reason }]);
  const stranger = createDeadLetters({ storage });
  expect(await stranger.show(id)).toMatchObject({
    text: '{"order":"a","no":7}',
    schema: { kind: "unknown-topic" },
  });
  const newer = createDeadLetters({ storage, topics: [{ ...Placed, version: 0 }] });
  expect((await newer.show(id))?.schema).toMatchObject({ kind: "refused" });
  expect(await deadLetters.show(id + 1)).toBeNull();
  await deadLetters.retry(id, ACT);
  await ticking(bed, "applied", () => bed.applied.length === 1);
  expect(bed.applied).toEqual([7]);
});

test("an edit that the schema refuses, that changes the key or comes too late changes nothing", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead, storage } = bed;
  broken.add(1);
  await place("a", 1);
  await dead(1);
  const id = (await deadLetters.list())[0]?.deadLetterId ?? 0;
  const edit = (payload: unknown, which = id) => deadLetters.edit(which, payload, ACT);
  await expect(edit({ order: "a", no: "seven" })).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
  await expect(edit({ order: "b", no: 1 })).rejects.toMatchObject({
    code: "PAYLOAD_INVALID",
    message: expect.stringContaining("key"),
  });
  await expect(edit({ order: "a", no: 1 }, id + 1)).rejects.toMatchObject({ code: "NOT_DEAD" });
  const stranger = createDeadLetters({ storage });
  await expect(stranger.edit(id, {}, ACT)).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  await deadLetters.discard(id, ACT);
  await expect(edit({ order: "a", no: 2 })).rejects.toMatchObject({ code: "NOT_DEAD" });
  expect((await deadLetters.show(id))?.payload).toEqual({ order: "a", no: 1 });
  expect(await deadLetters.audit()).toMatchObject([{ act: "discard" }]);
});

test("what is discarded stays, and whoever names it can still retry it", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead } = bed;
  broken.add(1).add(2);
  await place("a", 1, 2);
  await dead(2);
  expect(await deadLetters.discard("all", ACT)).toEqual({ count: 2, more: false });
  expect(await deadLetters.list()).toEqual([]);
  const [newest] = await deadLetters.list({ state: "any", limit: 1 });
  const id = newest?.deadLetterId ?? 0;
  expect(newest?.state).toBe("discarded");
  expect(await deadLetters.list({ state: "discarded", after: id })).toHaveLength(1);
  expect(await deadLetters.retry("all", ACT)).toMatchObject({ count: 0 });
  expect(await deadLetters.retry(id, ACT)).toMatchObject({ count: 1 });
  expect(await deadLetters.audit({ id })).toMatchObject([{ act: "retry" }, { act: "discard" }]);
});

test.each([
  ["a discard without a reason", (letters: Letters) => letters.discard("all", { by: "ada", reason: " " })],
  ["a retry by nobody", (letters: Letters) => letters.retry("all", { by: "" })],
  ["an empty selection", (letters: Letters) => letters.retry({}, ACT)],
  ["an unknown property", (letters: Letters) => letters.retry({ key: "a" } as { group?: string }, ACT)],
  ["a rate of nothing", (letters: Letters) => letters.retry("all", { ...ACT, perSecond: 0 })],
  ["an id that is none", (letters: Letters) => letters.discard(1.5, ACT)],
  ["a page too large", (letters: Letters) => letters.list({ limit: 1e9 })],
])("%s is refused", async (_what, act) => {
  const { waybill } = createBed();
  await expect<Promise<unknown>>(act(waybill.deadLetters)).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
});

type Letters = Bed["waybill"]["deadLetters"];

test("an outgoing message that was refused for good is published by a retry, at a new position", async () => {
  const bed = createBed();
  const seen: [number, number | undefined][] = [];
  bed.waybill
    .consumer("stock")
    .on(Placed, ({ no }, { message }) => void seen.push([no, message.position?.sequence]));
  await bed.waybill.start();
  bed.broker.faults.rejectNext(({ key }) => key === "a", { retryable: false, times: 2 });
  await bed.place("a", 1);
  const { deadLetters } = bed.waybill;
  const dead = async (deaths: number): Promise<void> => {
    await ticking(bed, `dead ${deaths} times`, async () => (await deadLetters.list())[0]?.deaths === deaths);
  };
  await dead(1);
  await deadLetters.retry({ group: "" }, ACT);
  await dead(2);
  expect(await deadLetters.list()).toMatchObject([{ group: "", delivery: 1, attemptsTotal: 2 }]);
  await deadLetters.retry({ group: "" }, ACT);
  await ticking(bed, "published", () => seen.length === 1);
  expect(seen).toEqual([[1, 2]]);
  await ticking(bed, "both voids applied", async () => {
    const applied = bed.events.filter(({ type }) => type === "message.applied");
    return applied.length === 3 && (await storageIsEmpty(bed));
  });
  expect(await deadLetters.list({ state: "recovered" })).toHaveLength(1);
});

async function storageIsEmpty({ storage }: Bed): Promise<boolean> {
  return (await storage.parked.count(10)).length === 0;
}

test("a process that dies in the middle of a retried message repeats nothing of it", async () => {
  const bed = await breakable();
  const { deadLetters, broken, place, dead, storage } = bed;
  broken.add(1);
  await place("a", 1);
  await dead(1);
  await deadLetters.retry("all", ACT);
  broken.clear();
  let dies = true;
  const transaction = storage.transaction.bind(storage);
  storage.transaction = (work, options) =>
    transaction(async (tx) => {
      const result = await work(tx);
      if (dies && (await tx.get("effects")) !== undefined) throw new Error("killed before COMMIT");
      return result;
    }, options);
  onTestFinished(() => void (storage.transaction = transaction));
  await bed.cron.tick();
  expect(storage.committed("effects")).toBeUndefined();
  dies = false;
  await ticking(bed, "applied", async () => (await deadLetters.list({ state: "recovered" })).length === 1);
  expect(storage.committed("effects")).toBe(1);
});

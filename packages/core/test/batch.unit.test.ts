import { expect, test } from "vitest";
import { fixed, systemClock, Unprocessable } from "../src/index.ts";
import { createBed, Placed, Reserved } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const soon = fixed({ everyMs: 1, attempts: 3 });

test("messages are handled together, in order, in one transaction", async () => {
  const { waybill, storage } = createBed();
  const batches: number[][] = [];
  waybill.consumer("stock").onBatch(Placed, async (items, { tx }) => {
    batches.push(items.map(({ payload }) => payload.no));
    for (const { payload } of items) await tx.update("sum", (sum) => Number(sum ?? 0) + payload.no);
  });
  await storage.transaction(async (tx) => {
    const payloads = Array.from({ length: 250 }, (_, no) => ({ order: "a", no }));
    await waybill.sendMany(tx, Placed, payloads);
  });
  await waybill.start();
  await eventually("all applied", () => batches.flat().length === 250);
  expect(batches.flat()).toEqual(Array.from({ length: 250 }, (_, no) => no));
  expect(batches.length).toBeLessThan(10);
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(100);
  expect(storage.committed("sum")).toBe((250 * 249) / 2);
});

test("a message that fails does not take the others of its batch with it, and every effect happens once", async () => {
  const { waybill, storage, cron } = createBed();
  const applied: number[] = [];
  waybill.consumer("stock").onBatch(
    Placed,
    async (items, { tx }) => {
      for (const { payload } of items) {
        if (payload.no === 13) throw new Error("unlucky");
        await tx.update(`times ${payload.no}`, (times) => Number(times ?? 0) + 1);
        applied.push(payload.no);
      }
    },
    { retry: soon },
  );
  await storage.transaction(async (tx) => {
    await waybill.sendMany(
      tx,
      Placed,
      Array.from({ length: 40 }, (_, no) => ({ order: `o${no}`, no })),
    );
  });
  await waybill.start();
  await eventually("the others are applied", () => new Set(applied).size === 39);
  await eventually("the failing one is dead", async () => {
    await cron.tick();
    return (await storage.deadLetters.list(10)).length === 1;
  });
  for (let no = 0; no < 40; no += 1) expect(storage.committed(`times ${no}`)).toBe(no === 13 ? undefined : 1);
});

test("later messages of a key wait behind one that a batch left parked", async () => {
  const { waybill, storage, cron, place } = createBed();
  const seen: string[] = [];
  let broken = true;
  waybill.consumer("stock").onBatch(
    Placed,
    (items) => {
      for (const { payload } of items) {
        if (broken && payload.order === "a" && payload.no === 1) throw new Error("broken");
      }
      seen.push(...items.map(({ payload }) => `${payload.order}${payload.no}`));
    },
    { retry: fixed({ everyMs: 1, attempts: 1_000 }) },
  );
  await storage.transaction(async (tx) => {
    const orders = ["a", "b", "a", "b", "a"];
    await waybill.sendMany(
      tx,
      Placed,
      orders.map((order, index) => ({ order, no: Math.floor(index / 2) + 1 })),
    );
  });
  await waybill.start();
  await eventually("b passed", () => seen.filter((one) => one.startsWith("b")).length === 2);
  expect(seen.filter((one) => one.startsWith("a"))).toEqual([]);
  broken = false;
  await eventually("a caught up", async () => {
    await cron.tick();
    return seen.length === 5;
  });
  await place("a", 4);
  await eventually("a flows", () => seen.length === 6);
  expect(seen.filter((one) => one.startsWith("a"))).toEqual(["a1", "a2", "a3", "a4"]);
});

test("a batch answers its messages one by one, and compensates what finally failed", async () => {
  const { waybill, storage } = createBed();
  const answers: string[] = [];
  waybill.consumer("stock").onBatch(
    Placed,
    async (items, { inReplyTo }) => {
      for (const { payload, message } of items) {
        if (payload.no === 2) throw new Unprocessable("no");
        await inReplyTo(message).send(Reserved, { order: payload.order });
      }
    },
    { compensate: async ({ order }, { tx }) => tx.set("compensated", order) },
  );
  waybill.consumer("mail").on(Reserved, ({ order }, { message }) => {
    answers.push(order);
    expect(message.headers["waybill-causation-id"]).toBeDefined();
  });
  await storage.transaction(async (tx) => {
    await waybill.sendMany(
      tx,
      Placed,
      [1, 2, 3].map((no) => ({ order: `o${no}`, no })),
    );
  });
  await waybill.start();
  await eventually(
    "answered and compensated",
    () => answers.length === 2 && storage.committed("compensated") === "o2",
  );
  expect(answers.sort()).toEqual(["o1", "o3"]);
});

test("a batch that was delivered again makes no second effect", async () => {
  const { waybill, storage, broker, place } = createBed();
  waybill.consumer("stock").onBatch(Placed, async (items, { tx }) => {
    broker.faults.cutConsumers();
    await tx.update("effects", (effects) => Number(effects ?? 0) + items.length);
  });
  await waybill.start();
  await place("a", 1, 2, 3, 4, 5);
  await place("b", 1, 2, 3);
  await eventually("all applied", () => storage.committed("effects") === 8);
  await place("c", 1);
  await eventually("the last applied", () => storage.committed("effects") === 9);
});

test.each([0, 1.5, 10_001])("a batch size of %d is refused", (size) => {
  const { waybill } = createBed();
  const register = (): unknown => waybill.consumer("stock").onBatch(Placed, () => undefined, { size });
  expect(register).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
});

test("no more messages begin in a second than allowed", async () => {
  const { waybill, storage } = createBed({ consumer: { perSecond: 200, concurrency: 50 } });
  const begun: number[] = [];
  waybill.consumer("stock").on(Placed, () => void begun.push(systemClock.monotonicMs()));
  await storage.transaction(async (tx) => {
    await waybill.sendMany(
      tx,
      Placed,
      Array.from({ length: 100 }, (_, no) => ({ order: `o${no}`, no })),
    );
  });
  await waybill.start();
  await eventually("all applied", () => begun.length === 100);
  // 20 may begin at once, the other 80 are 5 ms apart.
  expect((begun.at(-1) ?? 0) - (begun[0] ?? 0)).toBeGreaterThan(350);
});

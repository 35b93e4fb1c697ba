import { fixed, RetryLater, Unprocessable, type Consumer, type MemoryTransaction } from "@waybill/core";
import { createTestBed } from "@waybill/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { correctFlow, place, Placed, Reserved } from "./support/orders.ts";

test("settle drives a flow over two services to its end", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await place(bed, "a", 2);
  expect(bed.storage.committed("available")).toBeUndefined();
  await bed.settle();
  expect(bed.storage.committed("available")).toBe(8);
  expect(bed.storage.committed("mails")).toBe(1);
});

test("sent and handled show committed messages with payload, key and headers, in order", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await place(bed, "a");
  await place(bed, "b", 3);
  await bed.settle();
  expect(bed.sent(Placed).map(({ payload }) => payload)).toEqual([
    { order: "a", quantity: 1 },
    { order: "b", quantity: 3 },
  ]);
  const [reserved] = bed.sent(Reserved);
  expect(reserved).toMatchObject({ key: "a", payload: { order: "a" } });
  expect(reserved?.headers["waybill-causation-id"]).toBe(bed.sent(Placed)[0]?.id);
  expect(bed.sent()).toHaveLength(4);
  expect(bed.handled("mail", Reserved).map(({ payload }) => payload.order)).toEqual(["a", "b"]);
});

test("what was rolled back was never sent", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  const failing = bed.transaction(async (tx) => {
    await bed.waybill.send(tx, Placed, { order: "a", quantity: 1 });
    throw new Error("credit limit");
  });
  await expect(failing).rejects.toThrow("credit limit");
  await bed.settle();
  expect(bed.sent()).toEqual([]);
});

test("retries come at their exact times, and only when the clock is moved", async () => {
  const attempts: number[] = [];
  await using bed = createTestBed({
    setup(waybill) {
      const retry = fixed({ everyMs: 60_000, attempts: 3 });
      waybill.consumer("stock").on(
        Placed,
        () => {
          attempts.push(bed.clock.now());
          throw new Error("warehouse closed");
        },
        { retry },
      );
    },
  });
  const start = bed.clock.now();
  await place(bed, "a");
  await bed.settle();
  expect(await bed.parked()).toEqual([{ group: "stock", reason: "retry", count: 1 }]);
  await bed.advance(59_999);
  expect(attempts).toHaveLength(1);
  await bed.advance(3_600_000);
  expect(attempts.map((at) => at - start)).toEqual([0, 60_000, 120_000]);
  const [letter] = await bed.deadLetters();
  expect(letter).toMatchObject({ group: "stock", attempts: 3, payload: { order: "a", quantity: 1 } });
});

test("a delayed message waits for its time", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await bed.transaction((tx) =>
    bed.waybill.send(tx, Placed, { order: "a", quantity: 1 }, { delayMs: 3_600_000 }),
  );
  await bed.settle();
  expect(bed.handled()).toEqual([]);
  await bed.advance(3_599_999);
  expect(bed.handled()).toEqual([]);
  await bed.advance(1);
  expect(bed.handled("stock", Placed)).toHaveLength(1);
});

test("a day with a retry every hour passes in no time", async () => {
  await using bed = createTestBed({
    setup(waybill) {
      waybill.consumer("stock").on(
        Placed,
        (_placed, { attempt }) => {
          if (attempt <= 20) throw new RetryLater(3_600_000);
        },
        { retry: fixed({ everyMs: 1, attempts: 100 }) },
      );
    },
  });
  await place(bed, "a");
  await bed.advance(86_400_000);
  expect(bed.handled("stock", Placed)).toHaveLength(1);
  expect(await bed.parked()).toEqual([]);
});

test("a compensation and its dead letter are seen together", async () => {
  await using bed = createTestBed({
    topics: [Reserved],
    setup(waybill) {
      waybill.consumer("stock").on(
        Placed,
        () => {
          throw new Unprocessable("out of stock");
        },
        { compensate: async ({ order }, { send }) => void (await send(Reserved, { order })) },
      );
    },
  });
  await place(bed, "a");
  await bed.settle();
  expect(await bed.deadLetters()).toMatchObject([{ reason: "Unprocessable", topic: "order.placed" }]);
  expect(bed.sent(Reserved)).toHaveLength(1);
  expect(bed.handled()).toEqual([]);
  expect(await bed.parked()).toEqual([]);
});

test("redeliver gives the groups again what they were given, and nothing happens twice", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  const id = await place(bed, "a");
  await place(bed, "b");
  await bed.settle();
  expect(await bed.redeliver({ id })).toBe(1);
  expect(await bed.redeliver(Placed)).toBe(2);
  expect(await bed.redeliver()).toBe(4);
  expect(bed.storage.committed("available")).toBe(8);
  expect(bed.storage.committed("mails")).toBe(2);
  expect(bed.handled()).toHaveLength(4);
});

test("a broker that is down holds nothing up but its messages, and settling goes on when it is back", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await bed.settle();
  bed.broker.faults.goDown();
  await place(bed, "a");
  await bed.settle();
  expect(bed.handled()).toEqual([]);
  bed.broker.faults.comeUp();
  await bed.settle();
  expect(bed.storage.committed("mails")).toBe(1);
});

test("a confirm that was lost makes no second effect", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  bed.broker.faults.loseConfirm(1);
  await place(bed, "a");
  await bed.settle();
  expect(bed.storage.committed("available")).toBe(9);
});

test("messages that answer each other for ever are named, not waited for", async () => {
  await using bed = createTestBed({
    setup(waybill) {
      waybill.consumer("stock").on(Placed, async (placed, { send }) => void (await send(Placed, placed)));
    },
  });
  await place(bed, "a");
  await expect(bed.settle({ movesMax: 200 })).rejects.toThrow(/more than 200 moves.*order\.placed/);
});

test("a handler that hangs is named", async () => {
  await using bed = createTestBed({
    patienceMs: 20,
    setup(waybill) {
      waybill.consumer("stock").on(Placed, () => new Promise<void>(() => undefined));
    },
  });
  await place(bed, "a");
  await expect(bed.settle()).rejects.toThrow(/not done: .*group stock with order\.placed of key a/);
});

test("time that only advance moves is not waited for", async () => {
  await using bed = createTestBed({ setup: correctFlow });
  await expect(bed.settle({ untilMs: 10 })).rejects.toThrow("use advance(ms)");
  await expect(bed.advance(Number.NaN)).rejects.toThrow("not a number of milliseconds");
});

test("a setup that is wrong is told at once", () => {
  const twice = (): unknown =>
    createTestBed({
      setup(waybill) {
        waybill
          .consumer("stock")
          .on(Placed, () => undefined)
          .on(Placed, () => undefined);
      },
    });
  expect(twice).toThrow("has a handler for order.placed already");
});

test("a bed that was stopped says so", async () => {
  const bed = createTestBed({ setup: correctFlow });
  await bed.settle();
  await bed.stop();
  await bed.stop();
  await expect(bed.settle()).rejects.toThrow("was stopped");
});

test("the fake timers of a test runner change nothing", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  await using bed = createTestBed({ setup: correctFlow });
  await place(bed, "a");
  await bed.advance(60_000);
  expect(bed.storage.committed("mails")).toBe(1);
});

test("a consumer that is limited to a rate goes on as the clock is moved", async () => {
  await using bed = createTestBed({ consumer: { perSecond: 1 }, setup: correctFlow });
  for (const order of ["a", "b", "c", "d"]) await place(bed, order);
  await bed.settle();
  expect(bed.handled("stock", Placed).length).toBeLessThan(4);
  await bed.advance(10_000);
  expect(bed.handled("stock", Placed)).toHaveLength(4);
});

test("a group that is paused keeps nobody from settling, and goes on when it is resumed", async () => {
  let mail = (): Pick<Consumer<MemoryTransaction>, "pause" | "resume"> | undefined => undefined;
  await using bed = createTestBed({
    setup(waybill) {
      correctFlow(waybill);
      mail = () => waybill.consumer("mail");
    },
  });
  await bed.settle();
  mail()?.pause();
  await place(bed, "a");
  await bed.settle();
  expect(bed.handled("stock", Placed)).toHaveLength(1);
  expect(bed.handled("mail", Reserved)).toEqual([]);
  mail()?.resume();
  await bed.settle();
  expect(bed.handled("mail", Reserved)).toHaveLength(1);
});

test("a handler that hangs is given up at its deadline, as the clock is moved", async () => {
  await using bed = createTestBed({
    patienceMs: 10,
    setup(waybill) {
      waybill.consumer("stock").on(
        Placed,
        async (_placed, { tx, attempt }) => {
          if (attempt === 1) await new Promise<void>(() => undefined);
          await tx.set("available", 9);
        },
        { deadlineMs: 30_000, retry: fixed({ everyMs: 1_000, attempts: 3 }) },
      );
    },
  });
  await place(bed, "a");
  await bed.advance(30_000);
  expect(await bed.parked()).toEqual([{ group: "stock", reason: "retry", count: 1 }]);
  await bed.advance(1_000);
  expect(bed.storage.committed("available")).toBe(9);
});

test("a dead letter that an operator retries runs at the next settle, spread ones as the clock is moved", async () => {
  let broken = true;
  await using bed = createTestBed({
    setup(waybill) {
      waybill.consumer("stock").on(Placed, () => {
        if (broken) throw new Unprocessable("unknown article");
      });
    },
  });
  await place(bed, "a");
  await place(bed, "b");
  await bed.settle();
  expect(await bed.deadLetters()).toHaveLength(2);
  broken = false;
  const act = { by: "ann", reason: "the article is known now" };
  await bed.waybill.deadLetters.retry({ group: "stock" }, { ...act, perSecond: 1 });
  await bed.settle();
  expect(bed.handled("stock", Placed)).toHaveLength(1);
  await bed.advance(1_000);
  expect(bed.handled("stock", Placed)).toHaveLength(2);
  expect(await bed.deadLetters()).toEqual([]);
});

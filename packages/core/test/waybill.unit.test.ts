import { expect, test } from "vitest";
import { fixed, RetryLater, Unprocessable } from "../src/index.ts";
import { createBed, Placed, Reserved } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const once = fixed({ everyMs: 1, attempts: 3 });

test("a committed message reaches every group once, in the order of its key", async () => {
  const { waybill, place } = createBed();
  const seen: Record<string, number[]> = { stock: [], mail: [] };
  for (const group of ["stock", "mail"]) {
    waybill.consumer(group).on(Placed, ({ no }) => void seen[group]?.push(no));
  }
  await waybill.start();
  await place("a", 1, 2, 3, 4, 5);
  await eventually("all applied", () => seen["stock"]?.length === 5 && seen["mail"]?.length === 5);
  expect(seen).toEqual({ stock: [1, 2, 3, 4, 5], mail: [1, 2, 3, 4, 5] });
});

test("a rolled back transaction sends nothing", async () => {
  const { waybill, storage, place } = createBed();
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }) => void seen.push(no));
  await waybill.start();
  const failing = storage.transaction(async (tx) => {
    await waybill.send(tx, Placed, { order: "a", no: 1 });
    throw new Error("credit limit");
  });
  await expect(failing).rejects.toThrow("credit limit");
  await place("a", 2);
  await eventually("the later one arrived", () => seen.length === 1);
  expect(seen).toEqual([2]);
});

test("what a handler writes and sends commits together with its inbox record", async () => {
  const { waybill, storage, place } = createBed();
  const reserved: string[] = [];
  waybill.consumer("stock").on(Placed, async ({ order }, { tx, send, message }) => {
    await tx.update("available", (count) => Number(count ?? 10) - 1);
    await send(Reserved, { order });
    expect(message.position?.sequence).toBe(0);
  });
  waybill.consumer("mail").on(Reserved, ({ order }, { message }) => {
    reserved.push(order);
    expect(message.headers["waybill-correlation-id"]).toBe(message.headers["waybill-causation-id"]);
  });
  await waybill.start();
  await place("a", 1);
  await eventually("the reply arrived", () => reserved.length === 1);
  expect(storage.committed("available")).toBe(9);
});

test("a failed attempt leaves nothing, and the message runs again from the parked ones", async () => {
  const { waybill, storage, cron, place, events } = createBed();
  let attempts = 0;
  waybill.consumer("stock").on(
    Placed,
    async (_placed, { tx, attempt }) => {
      attempts = attempt;
      await tx.update("available", (count) => Number(count ?? 10) - 1);
      if (attempt < 3) throw new Error("not yet");
    },
    { retry: once },
  );
  await waybill.start();
  await place("a", 1);
  await eventually("applied", async () => {
    await cron.tick();
    return storage.committed("available") !== undefined;
  });
  expect(attempts).toBe(3);
  expect(storage.committed("available")).toBe(9);
  expect(events.filter(({ type }) => type === "message.parked")).toHaveLength(2);
});

test("later messages of a key wait behind a parked one, other keys pass", async () => {
  const { waybill, cron, place } = createBed();
  const seen: string[] = [];
  let broken = true;
  waybill.consumer("stock").on(
    Placed,
    ({ order, no }) => {
      if (broken && no === 1 && order === "a") throw new Error("broken");
      seen.push(`${order}${no}`);
    },
    { retry: fixed({ everyMs: 1, attempts: 1_000 }) },
  );
  await waybill.start();
  await place("a", 1, 2, 3);
  await place("b", 1);
  await eventually("b passed", () => seen.includes("b1"));
  await cron.tick();
  expect(seen).toEqual(["b1"]);
  broken = false;
  await eventually("a caught up", async () => {
    await cron.tick();
    return seen.length === 4;
  });
  await place("a", 4);
  await eventually("a flows again", () => seen.length === 5);
  expect(seen).toEqual(["b1", "a1", "a2", "a3", "a4"]);
});

test("a message that finally fails is compensated and buried in one transaction", async () => {
  const { waybill, storage, cron, place, events } = createBed();
  const answered: string[] = [];
  waybill.consumer("stock").on(
    Placed,
    () => {
      throw new Unprocessable("out of stock");
    },
    {
      compensate: async ({ order }, { tx, send, error }) => {
        await tx.set(`rejected:${order}`, error.message);
        await send(Reserved, { order });
      },
    },
  );
  waybill.consumer("mail").on(Reserved, ({ order }) => void answered.push(order));
  await waybill.start();
  await place("a", 1);
  await eventually("answered", () => answered.length === 1);
  await cron.tick();
  expect(storage.committed("rejected:a")).toBe("out of stock");
  const [letter] = await storage.deadLetters.list(10);
  expect(letter).toMatchObject({ group: "stock", reason: "Unprocessable", attempts: 1 });
  expect(events.filter(({ type }) => type === "message.dead")).toHaveLength(1);
});

test("a compensation that fails is tried again until it succeeds", async () => {
  const { waybill, storage, cron, place } = createBed({});
  let tries = 0;
  waybill.consumer("stock").on(
    Placed,
    () => {
      throw new Unprocessable("out of stock");
    },
    {
      compensate: async (_placed, { tx, error }) => {
        tries += 1;
        if (tries === 1) throw new Error("ledger locked");
        await tx.set("compensated", error.message);
      },
    },
  );
  await waybill.start();
  await place("a", 1);
  await eventually("parked for the compensation", async () => (await storage.parked.count(10)).length === 1);
  expect(await storage.deadLetters.list(10)).toEqual([]);
  await eventually("compensated", async () => {
    await cron.tick();
    return storage.committed("compensated") === "out of stock";
  });
  expect(await storage.deadLetters.list(10)).toHaveLength(1);
});

test("RetryLater decides when the message runs again", async () => {
  const { waybill, cron, place, events } = createBed();
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }, { attempt }) => {
    if (attempt === 1) throw new RetryLater(1, "warehouse closed");
    seen.push(no);
  });
  await waybill.start();
  await place("a", 1);
  await eventually("applied", async () => {
    await cron.tick();
    return seen.length === 1;
  });
  expect(events.find(({ type }) => type === "message.parked")).toMatchObject({ error: "warehouse closed" });
});

test("a confirm that was lost makes no second effect", async () => {
  const { waybill, broker, storage, place } = createBed();
  waybill.consumer("stock").on(Placed, async (_placed, { tx }) => {
    await tx.update("effects", (count) => Number(count ?? 0) + 1);
  });
  await waybill.start();
  broker.faults.loseConfirm(1);
  await place("a", 1, 2);
  await eventually("both applied", () => storage.committed("effects") === 2);
  broker.faults.cutConsumers();
  await place("a", 3);
  await eventually("third applied", () => storage.committed("effects") === 3);
});

test("a version newer than the process knows is parked, not discarded", async () => {
  const { waybill, storage, place } = createBed({ consumer: { unknownRetryMs: 1 } });
  const older = { ...Placed, version: 0 };
  waybill.consumer("stock").on(older, () => undefined);
  await waybill.start();
  await place("a", 1);
  await eventually("parked", async () =>
    (await storage.parked.count(10)).some(({ group, reason }) => group === "stock" && reason === "unknown"),
  );
});

test("stop leaves nothing running and may be called twice", async () => {
  const { waybill } = createBed();
  waybill.consumer("stock").on(Placed, () => undefined);
  await waybill.start();
  await waybill.stop();
  await waybill.stop();
  expect((await waybill.health()).status).toBe("down");
  await expect(waybill.start()).rejects.toMatchObject({ code: "STOPPED" });
});

import { expect, test } from "vitest";
import { fixed, memoryStorage, Unprocessable } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const retry = fixed({ everyMs: 1, attempts: 3 });

test("a handler past its deadline is cancelled, leaves nothing, and runs again", async () => {
  const { waybill, storage, cron, place, events } = createBed();
  const cancelled: string[] = [];
  waybill.consumer("stock").on(
    Placed,
    async (_placed, { tx, signal, attempt }) => {
      await tx.update("effects", (effects) => Number(effects ?? 0) + 1);
      if (attempt > 1) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      cancelled.push(String((signal.reason as { code?: string }).code));
      await tx.set("zombie", true).catch((error: { code?: string }) => cancelled.push(String(error.code)));
    },
    { retry, deadlineMs: 20 },
  );
  await waybill.start();
  await place("a", 1);
  await eventually("applied", async () => {
    await cron.tick();
    return storage.committed("effects") === 1;
  });
  expect(cancelled).toEqual(["HANDLER_TIMEOUT", "NOT_IN_TRANSACTION"]);
  expect(storage.committed("zombie")).toBeUndefined();
  expect(events.find(({ type }) => type === "message.parked")).toMatchObject({ attempts: 1 });
});

test("a compensation past its deadline is tried again, and blocks no other message meanwhile", async () => {
  const { waybill, storage, cron, place } = createBed();
  let tries = 0;
  waybill.consumer("stock").on(
    Placed,
    ({ order }) => {
      if (order === "a") throw new Unprocessable("out of stock");
    },
    {
      deadlineMs: 20,
      compensate: async (_placed, { tx, error }) => {
        tries += 1;
        if (tries === 1) await new Promise(() => undefined);
        await tx.set("compensated", error.message);
      },
    },
  );
  await waybill.start();
  await place("a", 1);
  await eventually("parked", async () => (await storage.parked.count(10)).length === 1);
  await eventually("compensated", async () => {
    await cron.tick();
    return storage.committed("compensated") === "out of stock";
  });
  expect(await storage.deadLetters.list(10)).toHaveLength(1);
});

test("a batch past its deadline is halved until the slow message is found", async () => {
  const { waybill, storage, cron } = createBed();
  waybill.consumer("stock").onBatch(
    Placed,
    async (items, { tx }) => {
      if (items.some(({ payload }) => payload.no === 3)) await new Promise(() => undefined);
      await tx.update("effects", (effects) => Number(effects ?? 0) + items.length);
    },
    { retry: fixed({ everyMs: 1, attempts: 1 }), deadlineMs: 20 },
  );
  await storage.transaction(async (tx) => {
    await waybill.sendMany(
      tx,
      Placed,
      Array.from({ length: 8 }, (_, no) => ({ order: `o${no}`, no })),
    );
  });
  await waybill.start();
  await eventually("the slow one is dead", async () => {
    await cron.tick();
    return (await storage.deadLetters.list(10)).length === 1;
  });
  expect(storage.committed("effects")).toBe(7);
});

test.each([0, 1.5, 86_400_001])("a deadline of %d ms is refused", (deadlineMs) => {
  const { waybill } = createBed();
  const register = (): unknown => waybill.consumer("stock").on(Placed, () => undefined, { deadlineMs });
  expect(register).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
});

test("a transaction whose signal aborts is rolled back, and rejects with the reason although its work hangs", async () => {
  const storage = memoryStorage();
  const controller = new AbortController();
  const hanging = storage.transaction(
    async (tx) => {
      await tx.set("row", 1);
      controller.abort(new Error("too slow"));
      await new Promise(() => undefined);
    },
    { signal: controller.signal },
  );
  await expect(hanging).rejects.toThrow("too slow");
  expect(storage.committed("row")).toBeUndefined();
});

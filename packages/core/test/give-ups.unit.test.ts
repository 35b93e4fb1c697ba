import { expect, test } from "vitest";
import { fixed, memoryBroker, memoryStorage } from "../src/index.ts";
import { createBed, Placed, Reserved, type Bed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const refuseAll = ({ broker }: Bed): void =>
  broker.faults.rejectNext(({ topic }) => topic === Placed.name, { retryable: false, times: 100 });

/** Runs the scheduled jobs until something holds. */
async function ticking({ cron }: Bed, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => {
    await cron.tick();
    return holds();
  });
}

test("a message that could not be published is answered once, in one transaction with the record of it", async () => {
  const bed = createBed();
  const { waybill, storage, place } = bed;
  const answered: string[] = [];
  waybill.onGiveUp(Placed, async ({ order, no }, { tx, send, message, reason, error, attempt }) => {
    await tx.update(`given up:${order}${no}`, (count) => Number(count ?? 0) + 1);
    await send(Reserved, { order });
    expect({ key: message.key, reason, attempt }).toEqual({
      key: order,
      reason: "BROKER_REFUSED",
      attempt: 1,
    });
    expect(error).toContain("BROKER_REFUSED");
  });
  waybill.consumer("mail").on(Reserved, ({ order }, { message }) => {
    answered.push(`${order} because of ${message.headers["waybill-causation-id"]}`);
  });
  waybill.consumer("stock").on(Placed, () => undefined);
  await waybill.start();
  refuseAll(bed);
  await place("a", 1);
  await ticking(bed, "answered", () => answered.length === 1);
  await bed.cron.tick();
  expect(storage.committed("given up:a1")).toBe(1);
  const [letter] = await waybill.deadLetters.list();
  expect(letter).toMatchObject({ state: "dead", answered: true });
  expect(answered).toEqual([`a because of ${letter?.envelope.id}`]);
  expect(await waybill.deadLetters.retry("all", { by: "ada" })).toMatchObject({ count: 0 });
});

test("a message that expired is answered too", async () => {
  const bed = createBed();
  const reasons: string[] = [];
  bed.waybill.onGiveUp(Placed, (_placed, { reason }) => void reasons.push(reason));
  await bed.storage.transaction(async (tx) => {
    await bed.waybill.send(tx, Placed, { order: "a", no: 1 }, { expiresAt: new Date(1) });
  });
  await bed.waybill.start();
  await ticking(bed, "answered", () => reasons.length === 1);
  expect(reasons).toEqual(["expired"]);
});

test("a handler that fails leaves nothing and runs again until it succeeds", async () => {
  const bed = createBed();
  const attempts: number[] = [];
  bed.waybill.onGiveUp(
    Placed,
    async (_placed, { tx, attempt }) => {
      attempts.push(attempt);
      await tx.update("refunds", (count) => Number(count ?? 0) + 1);
      if (attempt < 3) throw new Error("ledger locked");
    },
    { retry: fixed({ everyMs: 1, attempts: 100 }) },
  );
  bed.waybill.consumer("stock").on(Placed, () => undefined);
  await bed.waybill.start();
  refuseAll(bed);
  await bed.place("a", 1);
  await ticking(bed, "answered", () => bed.storage.committed("refunds") !== undefined);
  expect(attempts).toEqual([1, 2, 3]);
  expect(bed.storage.committed("refunds")).toBe(1);
});

test("a handler whose attempts are used up runs no more, and its letter says why", async () => {
  const bed = createBed();
  let attempts = 0;
  const fail = (): void => {
    attempts += 1;
    throw new Error("ledger gone");
  };
  bed.waybill.onGiveUp(Placed, fail, { retry: fixed({ everyMs: 1, attempts: 2 }) });
  bed.waybill.consumer("stock").on(Placed, () => undefined);
  await bed.waybill.start();
  refuseAll(bed);
  await bed.place("a", 1);
  await ticking(bed, "tried twice", () => attempts === 2);
  await bed.cron.tick();
  expect(attempts).toBe(2);
  expect(await bed.waybill.deadLetters.list()).toMatchObject([
    { answered: false, giveUpError: "ledger gone" },
  ]);
});

test("a letter waits for a process that has the handler, also when another one relays", async () => {
  const storage = memoryStorage();
  const relaying = createBed({ storage, broker: memoryBroker() });
  await storage.check("orders");
  await storage.transaction(async (tx) => {
    await relaying.waybill.send(tx, Placed, { order: "a", no: 1 }, { expiresAt: new Date(1) });
  });
  await relaying.waybill.start();
  await eventually("dead", async () => (await relaying.waybill.deadLetters.list()).length === 1);
  await relaying.cron.tick();
  const answering = createBed({ storage });
  let answered = 0;
  answering.waybill.onGiveUp(Placed, () => void (answered += 1));
  await answering.waybill.start({ relay: false, consumers: false });
  await ticking(answering, "answered", () => answered === 1);
  expect((await storage.jobs.list()).map(({ name }) => name)).toContain("run-give-ups:order.placed");
});

test("a second handler for a topic, or one after start, is refused", async () => {
  const { waybill } = createBed();
  waybill.onGiveUp(Placed, () => undefined);
  const again = () => waybill.onGiveUp(Placed, () => undefined);
  expect(again).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
  await waybill.start();
  const late = () => waybill.onGiveUp(Reserved, () => undefined);
  expect(late).toThrow(
    expect.objectContaining({ code: "OPTIONS_INVALID", message: expect.stringContaining("start") }),
  );
});

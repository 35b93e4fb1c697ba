import { expect, test } from "vitest";
import { createIsolation, fixed } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

test("what runs alone begins when all others have ended, and holds up what comes meanwhile", async () => {
  const isolation = createIsolation();
  const log: string[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const step = (name: string, gate: number) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await gates[gate]?.promise;
    log.push(`${name} ends`);
  };
  const running = [
    isolation.beside(step("first", 0)),
    isolation.beside(step("second", 1)),
    isolation.alone(step("suspect", 2)),
    isolation.alone(step("other suspect", 2)),
    isolation.beside(step("third", 3)),
  ];
  await eventually("two at once", () => log.length === 2);
  gates[0]?.resolve();
  await eventually("the first", () => log.includes("first ends"));
  expect(log).not.toContain("suspect begins");
  gates[1]?.resolve();
  await eventually("the suspect", () => log.includes("suspect begins"));
  expect(log).toHaveLength(5);
  gates[2]?.resolve();
  gates[3]?.resolve();
  await Promise.all(running);
  for (const name of ["suspect", "other suspect"])
    expect(log.indexOf(`${name} ends`)).toBe(log.indexOf(`${name} begins`) + 1);
});

test("what runs alone and fails lets the others go on", async () => {
  const isolation = createIsolation();
  await expect(isolation.alone(() => Promise.reject(new Error("it failed")))).rejects.toThrow("it failed");
  await expect(isolation.beside(() => Promise.reject(new Error("so did it")))).rejects.toThrow("so did it");
  expect(await isolation.alone(() => Promise.resolve("done"))).toBe("done");
});

test("only what was delivered before is counted, and a settled message is not counted any more", async () => {
  const { waybill, storage, broker, place } = createBed();
  const counted: string[] = [];
  const start = storage.inbox.start.bind(storage.inbox);
  storage.inbox.start = (group, id, alone) => {
    counted.push(id);
    return start(group, id, alone);
  };
  const [entered, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let id = "";
  waybill.consumer("stock").on(Placed, async ({ no }, { tx, message }) => {
    if (no === 1) {
      id = message.id;
      entered.resolve();
      await go.promise;
    }
    await tx.update("effects", (effects) => Number(effects ?? 0) + 1);
  });
  await waybill.start();
  await place("a", 1);
  await entered.promise;
  broker.faults.cutConsumers();
  go.resolve();
  await place("b", 2);
  await eventually("all applied", () => storage.committed("effects") === 2);
  await eventually("the redelivery", () => counted.length > 0);
  await waybill.stop();
  expect(new Set(counted)).toEqual(new Set([id]));
  expect(await start("stock", id, false)).toBe(0);
});

test("a message that was started too often is dead without another start, and its compensation runs", async () => {
  const { waybill, storage, cron, place, events } = createBed({ consumer: { startsMax: 3 } });
  let handled = 0;
  const compensated: unknown[] = [];
  waybill.consumer("stock").on(
    Placed,
    () => {
      handled += 1;
      throw new Error("wait a little");
    },
    {
      retry: fixed({ everyMs: 1, attempts: 9 }),
      compensate: (_placed, { error }) => void compensated.push((error as { code?: string }).code),
    },
  );
  await waybill.start();
  await place("a", 1);
  await eventually("parked", async () => (await storage.parked.count(10)).length === 1);
  // Three processes that died of it.
  await eventually("three starts", async () => (await storage.parked.start("stock", true))?.starts === 3);
  await eventually("dead", async () => {
    await cron.tick();
    return (await storage.deadLetters.list(10)).length === 1;
  });
  expect(handled).toBe(1);
  expect(compensated).toEqual(["PROCESS_DIED"]);
  expect(await storage.deadLetters.list(10)).toMatchObject([
    { reason: "PROCESS_DIED", attempts: 4, answered: true },
  ]);
  expect(events).toContainEqual(expect.objectContaining({ type: "message.dead", level: "info" }));
});

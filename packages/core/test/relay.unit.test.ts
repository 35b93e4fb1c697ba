import { expect, test } from "vitest";
import { createRelay, memoryBroker, memoryStorage, systemClock, type Envelope } from "../src/index.ts";
import { createBed, Placed, Reserved } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

test("while the broker is down nobody's attempts are used up, and the backlog drains in order", async () => {
  const { waybill, broker, place, storage, events } = createBed({ relay: { pauseMaxMs: 5 } });
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }) => void seen.push(no));
  await waybill.start();
  broker.faults.goDown();
  await place("a", 1, 2, 3, 4, 5, 6);
  await eventually(
    "the relay noticed",
    () => events.filter(({ type }) => type === "relay.paused").length > 3,
  );
  expect(await storage.parked.count(10)).toEqual([]);
  broker.faults.comeUp();
  await eventually("drained", () => seen.length === 6);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  expect(events.some(({ type }) => type === "relay.resumed")).toBe(true);
});

test("a message without any group is rejected, parked and tried again", async () => {
  const { waybill, storage, cron, events } = createBed({
    relay: { retry: { description: "soon", delayMs: () => 1 } },
  });
  waybill.consumer("stock").on(Placed, () => undefined);
  await waybill.start();
  await storage.transaction(async (tx) => {
    await waybill.send(tx, Reserved, { order: "a" });
  });
  await eventually("parked", () => events.some(({ type }) => type === "message.parked"));
  await cron.tick();
  let error: string | null | undefined;
  await eventually("due again", async () => {
    error = (await storage.parked.dueOutgoing(10)).parked[0]?.error;
    return error !== undefined;
  });
  expect(error).toContain("stock.reserved");
});

test("later messages of a refused key wait behind it, other keys pass", async () => {
  const { waybill, broker, cron, place } = createBed({
    relay: { retry: { description: "soon", delayMs: () => 1 } },
  });
  const seen: string[] = [];
  waybill.consumer("stock").on(Placed, ({ order, no }) => void seen.push(`${order}${no}`));
  await waybill.start();
  const isFirst = (envelope: Envelope): boolean => envelope.key === "a";
  broker.faults.rejectNext(isFirst, { retryable: true, times: 2 });
  await place("a", 1);
  await place("a", 2);
  await place("b", 1);
  await eventually("b passed", () => seen.includes("b1"));
  await eventually("a caught up", async () => {
    await cron.tick();
    return seen.length === 3;
  });
  expect(seen).toEqual(["b1", "a1", "a2"]);
});

test("a message refused for good becomes a dead letter, and its position is announced as void", async () => {
  const { waybill, broker, storage, cron, place, events } = createBed();
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }) => void seen.push(no));
  await waybill.start();
  broker.faults.rejectNext(() => true, { retryable: false });
  await place("a", 1, 2);
  await eventually("the second arrived", () => seen.length === 1);
  const [letter] = await storage.deadLetters.list(10);
  expect(letter).toMatchObject({ group: "", attempts: 1 });
  await eventually("void announced", async () => {
    await cron.tick();
    return (await storage.parked.count(10)).length === 0;
  });
  await eventually(
    "void applied",
    () => events.filter(({ type }) => type === "message.applied").length === 2,
  );
  expect(seen).toEqual([2]);
});

test("a delayed message comes at its time and gets its position then", async () => {
  const { waybill, storage, cron, place } = createBed();
  const seen: [number, number | undefined][] = [];
  waybill
    .consumer("stock")
    .on(Placed, ({ no }, { message }) => void seen.push([no, message.position?.sequence]));
  await waybill.start();
  await storage.transaction(async (tx) => {
    await waybill.send(tx, Placed, { order: "a", no: 1 }, { delayMs: 150 });
  });
  await place("a", 2);
  await eventually("the later one passed", () => seen.length === 1);
  await eventually("the delayed one came", async () => {
    await cron.tick();
    return seen.length === 2;
  });
  expect(seen).toEqual([
    [2, 0],
    [1, 1],
  ]);
});

test("a message that expired before it was published becomes a dead letter and takes no position", async () => {
  const { waybill, storage, place } = createBed();
  const positions: (number | undefined)[] = [];
  waybill
    .consumer("stock")
    .on(Placed, (_placed, { message }) => void positions.push(message.position?.sequence));
  await storage.transaction(async (tx) => {
    await waybill.send(tx, Placed, { order: "a", no: 1 }, { expiresAt: new Date(1) });
  });
  await place("a", 2);
  await waybill.start();
  await eventually("the other one came", () => positions.length === 1);
  expect(positions).toEqual([0]);
  expect(await storage.deadLetters.list(10)).toMatchObject([{ reason: "expired", attempts: 0 }]);
});

test("one of two relays leads; when it stops, the other takes over with a higher epoch", async () => {
  const storage = memoryStorage();
  const broker = memoryBroker();
  const parts = { source: "orders", storage, broker, options: { leaseMs: 500 } };
  await storage.check("orders");
  await broker.open();
  const first = createRelay(parts);
  const second = createRelay(parts);
  expect(await first.lead()).toMatchObject({ state: "leading", epoch: 1 });
  expect(await second.lead()).toMatchObject({ state: "standby" });
  await first.stop();
  expect(await second.lead()).toMatchObject({ state: "leading", epoch: 2 });
  await second.stop();
});

test("sequences have no gaps and no repetition while one chunk is being saved and the next published", async () => {
  const storage = memoryStorage();
  const { relay } = storage;
  const apply = relay.apply.bind(relay);
  let slow = 0;
  relay.apply = async (lease, step) => {
    // Some saves end long after the next chunk was given its positions.
    for (slow += 1; slow % 3 !== 0; slow += 1) await systemClock.sleep(3);
    return apply(lease, step);
  };
  const { waybill } = createBed({ storage, relay: { chunkRowsMax: 5, pollIdleMs: 1 } });
  const sequences = new Map<number, number[]>();
  waybill.consumer("stock").on(Placed, (_placed, { message }) => {
    const seen = sequences.get(message.partition) ?? [];
    sequences.set(message.partition, [...seen, message.position?.sequence ?? -1]);
  });
  await storage.transaction(async (tx) => {
    const payloads = Array.from({ length: 103 }, (_, no) => ({ order: `o${no % 3}`, no }));
    await waybill.sendMany(tx, Placed, payloads);
  });
  await waybill.start();
  const count = (): number => [...sequences.values()].reduce((sum, seen) => sum + seen.length, 0);
  await eventually("all applied", () => count() === 103);
  for (const seen of sequences.values()) expect(seen).toEqual(seen.map((_, index) => index));
});

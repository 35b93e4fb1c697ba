import { expect, test } from "vitest";
import { SYSTEM_HEADERS, type Call } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";

function call(no: number, change: Partial<Call> = {}): Call {
  const payload = Uint8Array.of(no);
  return { topic: "mail", key: "k", contentType: "text/plain", payload, call: `test ${no}`, ...change };
}

async function recorded(bed: ReturnType<typeof createBed>) {
  const { rows } = await bed.storage.outbox.openWindow("1:1:", 100_000);
  return rows.map(({ envelope }) => envelope);
}

test("calls are recorded in their order if the transaction commits, and not if it does not", async () => {
  const bed = createBed();
  const { waybill } = bed;
  const ids = await waybill.runInTransaction(() => [1, 2, 3].map((no) => waybill.calls.take(call(no))));
  const failing = waybill.runInTransaction(() => {
    waybill.calls.take(call(4));
    throw new Error("mine");
  });
  await expect(failing).rejects.toThrow("mine");
  const messages = await recorded(bed);
  expect(messages.map(({ id }) => id)).toEqual(ids);
  expect(messages[1]).toMatchObject({
    source: "orders",
    topic: "mail",
    key: "k",
    version: 1,
    contentType: "text/plain",
    headers: { [SYSTEM_HEADERS.call]: "test 2" },
    payload: Uint8Array.of(2),
  });
});

test("outside of an ambient transaction they throw at once", async () => {
  const { waybill } = createBed();
  const outside = expect.objectContaining({ code: "NOT_IN_TRANSACTION" }) as Error;
  expect(() => waybill.calls.take(call(1))).toThrow(outside);
  await expect(waybill.calls.recorded()).rejects.toThrow(outside);
  let late = (): string => "";
  await waybill.runInTransaction(() => {
    late = () => waybill.calls.take(call(1));
  });
  expect(late).toThrow(outside);
});

test("one can wait until they are recorded, and go on", async () => {
  const bed = createBed();
  const { waybill, storage } = bed;
  await waybill.runInTransaction(async () => {
    let appends = 0;
    const append = storage.outbox.append.bind(storage.outbox);
    storage.outbox.append = (tx, messages) => {
      appends += messages.length;
      return append(tx, messages);
    };
    waybill.calls.take(call(1));
    waybill.calls.take(call(2));
    expect(appends).toBe(0);
    await waybill.calls.recorded();
    expect(appends).toBe(2);
    waybill.calls.take(call(3));
  });
  expect((await recorded(bed)).map(({ payload }) => payload[0])).toEqual([1, 2, 3]);
});

test("a call that cannot be recorded fails the transaction, also when nobody waits for it", async () => {
  const bed = createBed();
  const { waybill, storage } = bed;
  const append = storage.outbox.append.bind(storage.outbox);
  storage.outbox.append = (tx, messages) =>
    messages.some(({ topic }) => topic === "bad")
      ? Promise.reject(new Error("no room"))
      : append(tx, messages);
  const failing = waybill.runInTransaction(async (tx) => {
    await tx.set("business", 1);
    waybill.calls.take(call(1, { topic: "bad" }));
  });
  await expect(failing).rejects.toThrow("no room");
  const caught = waybill.runInTransaction(async (tx) => {
    await tx.set("business", 1);
    waybill.calls.take(call(1, { topic: "bad" }));
    await waybill.calls.recorded().catch(() => undefined);
  });
  await expect(caught).rejects.toThrow("no room");
  expect(storage.committed("business")).toBeUndefined();
  expect(await recorded(bed)).toEqual([]);
});

test("joined transactions share them, a savepoint that fails drops its own, withTransaction records them", async () => {
  const bed = createBed();
  const { waybill, storage } = bed;
  await waybill.runInTransaction(async () => {
    waybill.calls.take(call(1));
    await waybill.runInTransaction(() => void waybill.calls.take(call(2)));
  });
  await storage.transaction((tx) => waybill.withTransaction(tx, () => void waybill.calls.take(call(3))));
  expect((await recorded(bed)).map(({ payload }) => payload[0])).toEqual([1, 2, 3]);
});

test("handlers take calls that commit with their effects, and a relay is told of them", async () => {
  const bed = createBed();
  const { waybill, place } = bed;
  waybill.consumer("mail").on(Placed, ({ no }) => void waybill.calls.take(call(no)));
  await waybill.start();
  await place("a", 1, 2);
  await expect.poll(async () => (await recorded(bed)).filter(({ topic }) => topic === "mail").length).toBe(2);
});

test("a relay refuses the calls of libraries that its broker does not repeat, and publishes everything else", async () => {
  const bed = createBed();
  const { waybill, broker, place, events } = bed;
  const published: string[] = [];
  const publish = broker.publish.bind(broker);
  Object.assign(broker.features, { calls: ["known"] });
  broker.publish = (batch, options) => {
    published.push(...batch.map(({ headers, topic }) => headers[SYSTEM_HEADERS.call] ?? topic));
    return publish(batch, options);
  };
  waybill.consumer("mail").on(Placed, () => undefined);
  await waybill.start();
  await waybill.runInTransaction(() => {
    waybill.calls.take(call(1, { call: "unknown a" }));
    const payload = Buffer.from('{"order":"b","no":2}');
    waybill.calls.take(call(2, { call: "known b", topic: Placed.name, payload }));
  });
  await expect.poll(() => events.filter(({ type }) => type === "message.dead")).toHaveLength(1);
  await place("a", 1);
  await expect.poll(() => published).toContain(Placed.name);
  await bed.cron.tick(); // what is parked goes out
  expect(published).toEqual(["known b", Placed.name]); // and no announcement of an empty position
  const [letter] = await waybill.deadLetters.list();
  expect(letter).toMatchObject({
    reason: "CALL_UNSUPPORTED",
    envelope: { topic: "mail", headers: { [SYSTEM_HEADERS.call]: "unknown a" } },
  });
});

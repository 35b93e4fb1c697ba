import { expect, test } from "vitest";
import { memoryBroker, type MemoryBroker } from "../src/memory/broker/memory-broker.ts";
import type { Envelope } from "../src/message/envelope.ts";
import type { Delivery } from "../src/ports/broker.ts";

const options = { fence: null, timeoutMs: 1_000 };

function message(id: string, sequence: number): Envelope {
  const position = { incarnation: "one", sequence };
  const payload = new Uint8Array();
  const rest = { version: 1, headers: {}, contentType: "text/plain", payload, createdAt: 0, position };
  return { id, source: "orders", topic: "order.placed", key: "k", partition: 1, ...rest };
}

async function opened(): Promise<MemoryBroker> {
  const broker = memoryBroker();
  await broker.open();
  await broker.declareGroup("billing", ["order.placed"]);
  return broker;
}

async function kinds(broker: MemoryBroker, ...batch: Envelope[]): Promise<string[]> {
  return (await broker.publish(batch, options)).map(({ kind }) => kind);
}

test("while it is down nothing is decided, and it cannot be opened", async () => {
  await using broker = await opened();
  broker.faults.goDown();
  expect(await kinds(broker, message("a", 0))).toEqual(["unknown"]);
  await expect(broker.open()).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
  expect((await broker.health()).status).toBe("down");
  broker.faults.comeUp();
  await broker.open();
  expect(await kinds(broker, message("a", 0))).toEqual(["confirmed"]);
});

test("a lost confirm leaves the message stored, and its copy is not stored again", async () => {
  await using broker = await opened();
  broker.faults.loseConfirm(1);
  expect(await kinds(broker, message("a", 0), message("b", 1))).toEqual(["unknown", "confirmed"]);
  expect(await kinds(broker, message("a", 0), message("b", 1))).toEqual(["confirmed", "confirmed"]);
  const got: string[] = [];
  await broker.subscribe(
    { group: "billing", topics: ["order.placed"], prefetch: 9 },
    async ({ envelope }) => {
      got.push(envelope.id);
      return { kind: "ack" };
    },
  );
  await expect.poll(() => got).toEqual(["a", "b"]);
});

test("refusals hit the messages that they were planned for, as often as planned", async () => {
  await using broker = await opened();
  broker.faults.rejectNext(({ id }) => id === "b", { retryable: true, times: 2 });
  expect(await kinds(broker, message("a", 0), message("b", 1))).toEqual(["confirmed", "rejected"]);
  expect(await broker.publish([message("b", 1)], options)).toMatchObject([
    { kind: "rejected", retryable: true },
  ]);
  expect(await kinds(broker, message("b", 1))).toEqual(["confirmed"]);
});

test("cut consumers get what was in flight once more, and their late answers count no more", async () => {
  await using broker = await opened();
  const got: Delivery[] = [];
  const late = Promise.withResolvers<void>();
  await broker.subscribe({ group: "billing", topics: ["order.placed"], prefetch: 2 }, async (delivery) => {
    got.push(delivery);
    if (got.length <= 2) await late.promise;
    return { kind: "ack" };
  });
  await kinds(broker, message("a", 0), message("b", 1), message("c", 2));
  await expect.poll(() => got).toHaveLength(2);
  broker.faults.cutConsumers();
  late.resolve();
  await expect.poll(() => got).toHaveLength(5);
  expect(got.map(({ envelope, redelivered }) => `${envelope.id} ${redelivered}`)).toEqual([
    "a false",
    "b false",
    "a true",
    "b true",
    "c false",
  ]);
});

test("a subscription to some topics of its group is given those only", async () => {
  await using broker = await opened();
  await broker.declareGroup("billing", ["order.shipped"]);
  const got: string[] = [];
  await broker.subscribe(
    { group: "billing", topics: ["order.placed"], prefetch: 9 },
    async ({ envelope }) => {
      got.push(envelope.topic);
      return { kind: "ack" };
    },
  );
  await kinds(broker, { ...message("a", 0), topic: "order.shipped" }, message("b", 0));
  await expect.poll(() => got).toEqual(["order.placed"]);
});

import { expect, test } from "vitest";
import {
  createPublisher,
  memoryBroker,
  type Envelope,
  type MemoryBroker,
  type PublisherOptions,
  type Publisher,
} from "../src/index.ts";
import { createBed, Placed, Reserved } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

async function publishing(
  options: PublisherOptions = {},
): Promise<{ broker: MemoryBroker; publisher: Publisher; seen: Envelope[] }> {
  const broker = memoryBroker();
  await broker.open();
  await broker.declareGroup("stock", [Placed.name]);
  const seen: Envelope[] = [];
  await broker.subscribe({ group: "stock", topics: [Placed.name], prefetch: 10 }, ({ envelope }) => {
    seen.push(envelope);
    return Promise.resolve({ kind: "ack" });
  });
  return { broker, seen, publisher: createPublisher({ source: "orders", broker, partitions: 32, options }) };
}

test("confirmed resolves when the message is routed and stored, and it arrives", async () => {
  const { publisher, seen } = await publishing();
  const { id } = await publisher.confirmed(Placed, { order: "a", no: 1 }, { headers: { tenant: "acme" } });
  await eventually("it arrived", () => seen.length === 1);
  expect(seen[0]).toMatchObject({
    id,
    source: "orders",
    key: "a",
    position: null,
    headers: { tenant: "acme" },
  });
});

test("confirmedMany keeps the order", async () => {
  const { publisher, seen } = await publishing();
  const sent = await publisher.confirmedMany(
    Placed,
    [1, 2, 3].map((no) => ({ order: "a", no })),
  );
  await eventually("all arrived", () => seen.length === 3);
  expect(seen.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
});

test.each([
  ["nobody has the topic", "UNROUTABLE", (broker: MemoryBroker) => broker, Reserved, { order: "a" }],
  [
    "the confirm is lost",
    "PUBLISH_UNKNOWN",
    (broker: MemoryBroker) => broker.faults.loseConfirm(1),
    Placed,
    { order: "a", no: 1 },
  ],
  [
    "the broker is down",
    "PUBLISH_UNKNOWN",
    (broker: MemoryBroker) => broker.faults.goDown(),
    Placed,
    { order: "a", no: 1 },
  ],
  ["the payload is wrong", "PAYLOAD_INVALID", (broker: MemoryBroker) => broker, Placed, { order: 1 }],
])("confirmed fails by code when %s", async (_when, code, fault, topic, payload) => {
  const { broker, publisher } = await publishing();
  fault(broker);
  await expect(publisher.confirmed(topic, payload as never)).rejects.toMatchObject({ code });
});

test("rapid returns before the broker has the message, and counts what became of it", async () => {
  const { publisher, seen } = await publishing();
  await publisher.rapidMany(
    Placed,
    [1, 2, 3].map((no) => ({ order: "a", no })),
  );
  expect(publisher.rapidCounts()).toMatchObject({ confirmed: 0, waiting: 3 });
  await publisher.flush();
  await eventually("all arrived", () => seen.length === 3);
  expect(publisher.rapidCounts()).toEqual({ waiting: 0, confirmed: 3, failed: 0, dropped: 0 });
});

test("a full rapid buffer throws and takes nothing of the batch, and takes again once it drained", async () => {
  const { publisher } = await publishing({ rapidMax: 2 });
  const three = [1, 2, 3].map((no) => ({ order: "a", no }));
  await expect(publisher.rapidMany(Placed, three)).rejects.toMatchObject({ code: "RAPID_OVERFLOW" });
  expect(publisher.rapidCounts()).toMatchObject({ waiting: 0, dropped: 0 });
  await publisher.rapidMany(Placed, three.slice(0, 2));
  await publisher.flush();
  await publisher.rapid(Placed, { order: "a", no: 3 });
  await publisher.flush();
  expect(publisher.rapidCounts()).toMatchObject({ confirmed: 3 });
});

test("with the policy drop, what does not fit is dropped and counted", async () => {
  const { publisher } = await publishing({ rapidMax: 2, rapidOverflow: "drop" });
  await publisher.rapidMany(
    Placed,
    [1, 2, 3].map((no) => ({ order: "a", no })),
  );
  await publisher.flush();
  expect(publisher.rapidCounts()).toEqual({ waiting: 0, confirmed: 2, failed: 0, dropped: 1 });
});

test("rapid messages that the broker never confirmed are counted as failed and not tried again", async () => {
  const { broker, publisher } = await publishing();
  broker.faults.goDown();
  await publisher.rapid(Placed, { order: "a", no: 1 });
  await publisher.flush();
  expect(publisher.rapidCounts()).toMatchObject({ confirmed: 0, failed: 1 });
});

test("a publisher of the front works after start, and what it took is published before stop ends", async () => {
  const { waybill } = createBed();
  const seen: number[] = [];
  waybill.consumer("stock").on(Placed, ({ no }) => void seen.push(no));
  expect(() => waybill.publisher()).toThrow(expect.objectContaining({ code: "NOT_STARTED" }));
  await waybill.start();
  const publisher = waybill.publisher();
  await publisher.confirmed(Placed, { order: "a", no: 1 });
  await eventually("handled", () => seen.length === 1);
  await publisher.rapid(Placed, { order: "a", no: 2 });
  await waybill.stop();
  expect(publisher.rapidCounts()).toMatchObject({ waiting: 0, confirmed: 1 });
});

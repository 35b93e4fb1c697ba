import { isDeepStrictEqual } from "node:util";
import kafkajs, { type Message, type Producer } from "kafkajs";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createWaybill, memoryStorage, SYSTEM_HEADERS } from "@waybill/core";
import { kafkaBroker, outboxed } from "@waybill/kafka";
import { readCall, writeCall } from "../src/outboxed/kafka-call.ts";
import { orderKeyOf } from "../src/outboxed/order-key.ts";
import { takeMessage } from "../src/outboxed/take-message.ts";

/** A producer that is never connected, and the Waybill that takes what it is given. */
function service() {
  const bare = new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logLevel: kafkajs.logLevel.NOTHING }).producer();
  const storage = memoryStorage();
  const waybill = createWaybill({ source: "orders", storage });
  onTestFinished(() => waybill.stop());
  const producer: Producer = outboxed(bare, { waybill });
  const recorded = async () => {
    const { rows } = await storage.outbox.openWindow("1:1:", 100_000);
    return rows.map(({ envelope }) => envelope);
  };
  return { producer, waybill, recorded };
}

const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

test("a call is read as it was written, whatever its bytes and texts", () => {
  const bytesOrText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const call = fc.record(
    {
      key: fc.option(bytesOrText),
      isTombstone: fc.boolean(),
      headers: fc.array(
        fc.tuple(fc.string(), fc.oneof(bytesOrText, fc.array(bytesOrText, { maxLength: 3 }))),
        {
          maxLength: 4,
        },
      ),
      partition: fc.option(fc.nat()),
      timestamp: fc.option(fc.nat().map(String)),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(call, (one) => {
      const written = writeCall(one);
      return !written.includes("\0") && isDeepStrictEqual(readCall(written), one);
    }),
  );
  expect(() => readCall("amqplib {}")).toThrow("no call of kafkajs");
});

test("what decides about the partition in Kafka decides about the order here", () => {
  const order = (message: Partial<Message>): string | null => takeMessage("t", { value: "", ...message }).key;
  expect(order({ key: "a" })).toBe("a");
  expect(order({ key: Buffer.from("a") })).toBe("a");
  expect(order({ key: "a", partition: 3 })).toBe("partition 3");
  expect(order({ partition: 0 })).toBe("partition 0");
  expect(order({ key: null })).toBeNull();
  expect(order({})).toBeNull();
  const odd = [Buffer.from([0xff, 0xfe]), Buffer.from([0]), "a\0b", "\ud800", "x".repeat(600)];
  const keys = odd.map((key) => orderKeyOf({ key, partition: null }));
  for (const key of keys) expect(key).toMatch(/^sha256 [0-9a-f]{64}$/);
  expect(new Set(keys).size).toBe(odd.length);
});

test("messages are recorded if the transaction commits, and answered as kafkajs does but for what is not known yet", async () => {
  const { producer, waybill, recorded } = service();
  const answer = await waybill.runInTransaction(() =>
    producer.sendBatch({
      acks: 1,
      timeout: 5,
      compression: kafkajs.CompressionTypes.GZIP,
      topicMessages: [
        { topic: "a", messages: [{ key: "k", value: "1" }, { value: "2", partition: 4 }, { value: "3" }] },
        { topic: "b", messages: [{ key: "k", value: null, headers: { "content-type": "text/x" } }] },
      ],
    }),
  );
  expect(answer).toEqual([
    { topicName: "a", partition: -1, errorCode: 0 },
    { topicName: "a", partition: 4, errorCode: 0 },
    { topicName: "b", partition: -1, errorCode: 0 },
  ]);
  await expect(
    waybill.runInTransaction(async () => {
      await producer.send({ topic: "a", messages: [{ value: "undone" }] });
      throw new Error("mine");
    }),
  ).rejects.toThrow("mine");
  const messages = await recorded();
  expect(messages.map(({ topic, key, payload }) => [topic, key, Buffer.from(payload).toString()])).toEqual([
    ["a", "k", "1"],
    ["a", "partition 4", "2"],
    ["a", null, "3"],
    ["b", "k", ""],
  ]);
  expect(messages[3]).toMatchObject({ contentType: "text/x" });
  expect(readCall(messages[3]?.headers[SYSTEM_HEADERS.call] ?? "")).toMatchObject({ isTombstone: true });
});

test("nobody need wait for send: what was given before the transaction ended is in it", async () => {
  const { producer, waybill, recorded } = service();
  await waybill.runInTransaction(() => void producer.send({ topic: "a", messages: [{ value: "1" }] }));
  expect(await recorded()).toHaveLength(1);
});

test("without an ambient transaction, and for what Kafka or kafkajs would refuse, send rejects and records nothing", async () => {
  const { producer, waybill, recorded } = service();
  await expect(producer.send({ topic: "a", messages: [{ value: "1" }] })).rejects.toThrow(
    code("NOT_IN_TRANSACTION"),
  );
  const wrong: readonly (readonly [string, unknown])[] = [
    ["", [{ value: "1" }]],
    ["not a topic", [{ value: "1" }]],
    ["a", undefined],
    ["a", [{ key: "no value" }]],
    ["a", [{ value: {} }]],
    ["a", [{ value: "1", partition: 1.5 }]],
    ["a", [{ value: "1", timestamp: "yesterday" }]],
    ["a", [{ value: "1", headers: { none: undefined } }]],
    ["a", [{ value: "1", headers: { [SYSTEM_HEADERS.call]: "kafkajs {}" } }]],
  ];
  await waybill.runInTransaction(async () => {
    for (const [topic, messages] of wrong) {
      const given = [{ value: "before" }, ...((messages as Message[] | undefined) ?? [])];
      const sent = producer.send({ topic, messages: messages === undefined ? (messages as never) : given });
      await expect(sent, JSON.stringify([topic, messages])).rejects.toThrow(code("CALL_UNSUPPORTED"));
    }
  });
  expect(await recorded()).toEqual([]);
});

test("it needs no connection: connect and disconnect only tell their listeners; a Kafka transaction is refused", async () => {
  const { producer } = service();
  const told: string[] = [];
  const forget = producer.on(producer.events.CONNECT, ({ type }) => told.push(type));
  producer.on(producer.events.DISCONNECT, ({ type }) => told.push(type));
  producer.on(producer.events.REQUEST, ({ type }) => told.push(type));
  await producer.connect();
  await producer.disconnect();
  forget();
  await producer.connect();
  expect(told).toEqual(["producer.connect", "producer.disconnect"]);
  expect(producer.isIdempotent()).toBe(false);
  producer.logger().info("still there");
  await expect(producer.transaction()).rejects.toThrow(code("CALL_UNSUPPORTED"));
  expect(() => producer.on("producer.nothing" as "producer.connect", () => undefined)).toThrow("Event name");
});

test("it wants the service's Waybill, and the Kafka broker says that it repeats such calls", () => {
  const bare = new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logLevel: kafkajs.logLevel.NOTHING }).producer();
  expect(() => outboxed(bare, {} as never)).toThrow(code("OPTIONS_INVALID"));
  expect(kafkaBroker({ brokers: ["127.0.0.1:1"] }).features.calls).toEqual(["kafkajs"]);
});

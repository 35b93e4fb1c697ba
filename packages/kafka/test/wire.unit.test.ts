import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { fromRecord, kafkaPartitionOf, toRecord } from "../src/message/kafka-message.ts";
import { noteText, parseNote } from "../src/topology/offset-note.ts";

interface GoldenMessage {
  readonly name: string;
  readonly envelope: Omit<Envelope, "payload">;
  readonly payload: string;
  readonly key: string | null;
  readonly partition: number;
  readonly headers: Record<string, string>;
}

interface Golden {
  readonly topicPartitions: number;
  readonly messages: readonly GoldenMessage[];
}

const golden = JSON.parse(readFileSync(new URL("golden/kafka-v1.json", import.meta.url), "utf8")) as Golden;
const place = { topic: "order.placed", partition: 2, offset: "17" };

for (const one of golden.messages) {
  test(`Kafka record: ${one.name}`, () => {
    const payload = Buffer.from(one.payload);
    const envelope = { ...one.envelope, payload };
    const record = toRecord(envelope, golden.topicPartitions);
    expect({ key: record.key, partition: record.partition, headers: record.headers }).toEqual({
      key: one.key,
      partition: one.partition,
      headers: one.headers,
    });
    expect(record.value.equals(payload)).toBe(true);
    const headers = Object.fromEntries(
      Object.entries(record.headers).map(([name, text]) => [name, Buffer.from(text)]),
    );
    const key = record.key === null ? null : Buffer.from(record.key);
    const read = fromRecord({ ...place, key, value: record.value, headers }, "order.placed", 32);
    expect(read).toEqual({ envelope, ignored: null });
  });
}

test("a record of a producer that knows nothing of Waybill is a message with an id of its own, always the same", () => {
  const record = { ...place, key: Buffer.from("order-1"), value: Buffer.from("{}") };
  const { envelope, ignored } = fromRecord(record, "order.placed", 32);
  expect(envelope).toMatchObject({
    source: "kafka",
    topic: "order.placed",
    key: "order-1",
    partition: 15,
    position: null,
  });
  expect(envelope.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(fromRecord(record, "order.placed", 32).envelope.id).toBe(envelope.id);
  expect(fromRecord({ ...record, offset: "18" }, "order.placed", 32).envelope.id).not.toBe(envelope.id);
  expect(ignored).toBeNull();
});

test("a record with a header that cannot be read is handed on without it, and without a value it is empty", () => {
  const headers = {
    ce_id: "a",
    "waybill-sequence": "many",
    "waybill-incarnation": "x",
    tenant: ["a", Buffer.from("b")],
  };
  const { envelope, ignored } = fromRecord({ ...place, key: null, value: null, headers }, "order.placed", 32);
  expect(envelope).toMatchObject({ id: "a", position: null, headers: { tenant: "b" } });
  expect(envelope.payload).toHaveLength(0);
  expect(ignored).toContain("waybill-sequence");
});

test("a partition of Waybill stays in one partition of Kafka", () => {
  expect([0, 7, 8, 31].map((partition) => kafkaPartitionOf(partition, 8))).toEqual([0, 7, 0, 7]);
});

test("what is written beside an offset is read again; others' metadata says nothing", () => {
  const note = {
    partitions: 8,
    horizon: 1042,
    applied: [
      [2, 2],
      [5, 7],
    ] as const,
  };
  expect(noteText(note)).toBe("waybill partitions=8 horizon=1042 applied=2,5-7");
  expect(parseNote(noteText(note))).toEqual(note);
  expect(parseNote("waybill partitions=8 horizon=9")).toEqual({ partitions: 8, horizon: 9, applied: [] });
  expect(parseNote("")).toBeNull();
  expect(parseNote("somebody else's")).toBeNull();
});

test("metadata never exceeds what Kafka takes", () => {
  const applied = Array.from({ length: 3_000 }, (_, index) => [index * 2, index * 2] as const);
  const text = noteText({ partitions: 8, horizon: 10_000, applied });
  expect(text.length).toBeLessThan(4_096);
  expect(parseNote(text)?.applied).toEqual(applied.slice(0, parseNote(text)?.applied.length));
});

import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { intoRequests, intoTransactions } from "../src/publish/divide.ts";
import { placeRoute, planPublish, type Route } from "../src/publish/publish-plan.ts";
import { fates, message } from "./kafka-fixture.ts";

const place = { kafkaTopic: "t", partitions: 2, batchBytesMax: 3_000 };
const routes = new Map<string, Route>([
  ["t", placeRoute(place)],
  ["away", { kind: "unknown", error: new Error("no answer") }],
]);
const of = (partition: number, size: number, topic = "t"): Envelope =>
  message(topic, { partition, payload: Buffer.alloc(size) });

test("what is refused here holds the rest of its partition, and nothing else", () => {
  const batch = [
    of(1, 10),
    of(1, 2_001),
    of(3, 10),
    of(1, 10),
    of(0, 10, "nobody"),
    of(0, 10, "nobody"),
    of(0, 10, "away"),
  ];
  const { results, sendables } = planPublish(batch, routes, 2_000);
  const decided = results.map((result) => (result === null ? "sent" : fates([result])[0]));
  expect(decided).toEqual(["sent", "PAYLOAD_TOO_LARGE", "sent", "held", "UNROUTABLE", "held", "unknown"]);
  expect(sendables.map(({ index, record }) => [index, record.partition])).toEqual([
    [0, 1],
    [2, 1],
  ]);
});

test("a message that its topic does not take is refused with the setting to raise", () => {
  const [result] = planPublish([of(0, 3_500)], routes, 10_000).results;
  expect(result).toMatchObject({ kind: "rejected", retryable: false, error: { code: "PAYLOAD_TOO_LARGE" } });
  expect(result?.kind === "rejected" && result.error.message).toContain("max.message.bytes");
});

test("a batch is divided in its order: by transaction, and by what one partition takes at once", () => {
  const batch = [of(0, 1_000), of(1, 1_000), of(0, 1_000), of(1, 1_000), of(0, 1_000)];
  const { sendables } = planPublish(batch, routes, 2_000);
  const numbers = (parts: (typeof sendables)[number][][]): number[][] =>
    parts.map((part) => part.map(({ index }) => index));
  expect(numbers(intoRequests(sendables))).toEqual([[0, 1, 2, 3], [4]]);
  expect(numbers(intoTransactions(sendables, { transactionBytesMax: 3_000 }))).toEqual([[0, 1], [2, 3], [4]]);
  expect(numbers(intoTransactions(sendables, { transactionBytesMax: 10 }))).toHaveLength(5);
  expect(intoRequests([])).toEqual([]);
});

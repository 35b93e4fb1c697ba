import { expect, test } from "vitest";
import type { Envelope, PublishResult } from "@waybill/core";
import { WaybillError } from "@waybill/core";
import { publishInTurn } from "../src/fencing/publish-in-turn.ts";
import { messages } from "./rabbitmq-fixture.ts";

const error = new WaybillError("BROKER_REFUSED", "no");
const CONFIRMED: PublishResult = { kind: "confirmed" };
const REJECTED: PublishResult = { kind: "rejected", error, retryable: true };
const UNKNOWN: PublishResult = { kind: "unknown", error };

/** Two partitions in turn: 0, 1, 0, 1, … */
const batch = messages(8, (index) => ({ partition: index % 2 }));

async function publish(answer: (index: number) => PublishResult) {
  const sent: number[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const results = await publishInTurn(batch, async (one: readonly Envelope[]) => {
    const index = batch.indexOf(one[0]!);
    sent.push(index);
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await Promise.resolve();
    underWay -= 1;
    return [answer(index)];
  });
  return { kinds: results.map(({ kind }) => kind), sent, mostUnderWay };
}

test("one of each partition is under way at a time, in order", async () => {
  const { kinds, sent, mostUnderWay } = await publish(() => CONFIRMED);
  expect(kinds).toEqual(batch.map(() => "confirmed"));
  expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(mostUnderWay).toBe(2);
});

test("behind a refused one the rest of its partition is held and not sent", async () => {
  const { kinds, sent } = await publish((index) => (index === 2 ? REJECTED : CONFIRMED));
  expect(kinds).toEqual([
    "confirmed",
    "confirmed",
    "rejected",
    "confirmed",
    "held",
    "confirmed",
    "held",
    "confirmed",
  ]);
  expect(sent).not.toContain(4);
});

test("behind an unknown one the rest of its partition is unknown", async () => {
  const { kinds } = await publish((index) => (index === 1 ? UNKNOWN : CONFIRMED));
  expect(kinds.filter((_, index) => index % 2 === 1)).toEqual(["unknown", "unknown", "unknown", "unknown"]);
  expect(kinds.filter((_, index) => index % 2 === 0)).toEqual([
    "confirmed",
    "confirmed",
    "confirmed",
    "confirmed",
  ]);
});

import { expect, test } from "vitest";
import { manualClock } from "@waybill/conformance";
import type { Envelope, Verdict } from "@waybill/core";
import { Distributor } from "../src/consume/distributor.ts";

const REQUEUE: Verdict = { kind: "requeue" };
const ACK: Verdict = { kind: "ack" };

function envelopeOf(id: string, partition = 0): Envelope {
  const position = { incarnation: "i", sequence: 0 };
  const text = { source: "orders", topic: "t", contentType: "application/json", key: null, headers: {} };
  return { ...text, id, version: 1, partition, payload: new Uint8Array(), createdAt: 0, position };
}

/** A distributor whose deliveries are settled by hand. */
function bed(prefetch: number) {
  const clock = manualClock();
  const started: string[] = [];
  const verdicts = new Map<string, (verdict: Verdict) => void>();
  const acknowledged: number[] = [];
  const source = { acknowledge: (tag: number) => void acknowledged.push(tag) };
  const distributor = new Distributor(
    prefetch,
    ({ envelope: { id } }) => {
      started.push(id);
      return new Promise((resolve) => verdicts.set(id, resolve));
    },
    clock,
  );
  const settle = async (id: string, verdict: Verdict): Promise<void> => {
    verdicts.get(id)?.(verdict);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, started, acknowledged, source, distributor, settle };
}

test("returned messages come again in their old order, before what waits behind them", async () => {
  const { clock, started, source, distributor, settle } = bed(3);
  for (const [index, id] of ["a", "b", "c", "d", "e"].entries())
    distributor.add(source, index + 1, envelopeOf(id), false);
  expect(started).toEqual(["a", "b", "c"]);
  await settle("c", REQUEUE);
  await settle("a", REQUEUE);
  await settle("b", ACK);
  expect(started).toEqual(["a", "b", "c"]);
  clock.advance(1);
  expect(started).toEqual(["a", "b", "c", "a", "c", "d"]);
});

test("while one partition waits for a returned message, others go on", async () => {
  const { clock, started, source, distributor, settle } = bed(1);
  distributor.add(source, 1, envelopeOf("a", 1), false);
  distributor.add(source, 2, envelopeOf("b", 1), false);
  distributor.add(source, 3, envelopeOf("other", 2), false);
  await settle("a", REQUEUE);
  expect(started).toEqual(["a", "other"]);
  await settle("other", ACK);
  clock.advance(1);
  expect(started).toEqual(["a", "other", "a"]);
});

test("a verdict on what the server has taken back counts for nothing, and makes room at once", async () => {
  const { started, acknowledged, source, distributor, settle } = bed(1);
  distributor.add(source, 1, envelopeOf("a"), false);
  distributor.add(source, 2, envelopeOf("b"), false);
  distributor.drop(source);
  const next = { acknowledge: (tag: number) => void acknowledged.push(tag) };
  distributor.add(next, 1, envelopeOf("again"), true);
  await settle("a", ACK);
  expect(started).toEqual(["a", "again"]);
  expect(acknowledged).toEqual([]);
});

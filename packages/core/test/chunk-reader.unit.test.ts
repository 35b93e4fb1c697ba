import { expect, test } from "vitest";
import type { OutboxRow } from "../src/index.ts";
import { chunkReader } from "../src/relay/chunk-reader.ts";

const MIB = 1024 * 1024;

function rowOf(rowId: number, payloadBytes: number): OutboxRow {
  const payload = new Uint8Array(payloadBytes);
  const envelope = {
    id: `m${rowId}`,
    source: "orders",
    topic: "t",
    version: 1,
    key: null,
    partition: 0,
    headers: {},
    contentType: "application/json",
    payload,
    createdAt: 0,
    position: null,
  };
  return { rowId, envelope, deliverAt: null, expiresAt: null };
}

/** A reader of an outbox that never ends, and how many rows it asked for each time. */
function endless(payloadBytes: number, rowsMax: number) {
  const asked: number[] = [];
  let last = 0;
  const rows = (limit: number): OutboxRow[] => {
    asked.push(limit);
    return Array.from({ length: limit }, () => rowOf((last += 1), payloadBytes));
  };
  const store = {
    openWindow: async (_from: string, limit: number) => ({
      to: "2:2:",
      now: 0,
      rows: rows(limit),
      server: "s",
    }),
    readWindow: async (_window: unknown, _after: number, limit: number) => rows(limit),
  };
  const reader = chunkReader(store, { from: "1:1:", window: null, sequences: new Map() }, rowsMax);
  return { reader, asked };
}

test("small messages come in chunks as large as allowed, once their size is known", async () => {
  const { reader, asked } = endless(1_024, 4_000);
  for (let turn = 0; turn < 3; turn += 1) await reader.next();
  expect(asked).toEqual([500, 4_000, 4_000]);
});

test("large ones come in chunks that take little memory, but always at least one", async () => {
  const { reader, asked } = endless(MIB, 4_000);
  for (let turn = 0; turn < 2; turn += 1) await reader.next();
  expect(asked.slice(1)).toEqual([7]);
  const huge = endless(20 * MIB, 4);
  for (let turn = 0; turn < 2; turn += 1) await huge.reader.next();
  expect(huge.asked).toEqual([4, 1]);
});

test("a chunk that is full for its limit goes on in the same window, whatever the limit was before", async () => {
  const { reader } = endless(1_024, 4_000);
  const chunks = [await reader.next(), await reader.next(), await reader.next()];
  expect(chunks.map((chunk) => chunk?.opensWindow)).toEqual([true, false, false]);
  const ids = chunks.flatMap((chunk) => chunk?.rows.map(({ rowId }) => rowId) ?? []);
  expect(ids).toEqual(Array.from({ length: 8_500 }, (_, index) => index + 1));
});

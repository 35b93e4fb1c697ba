import { open, readdir, rm, truncate } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test, vi } from "vitest";
import type { NativeBrokerEvent } from "@waybill/broker";
import { provenOffsetOf } from "@waybill/broker/internal";
import type { LogRepair } from "@waybill/log";
import { inspectLog, repairLog } from "@waybill/log";
import { brokerIn, collect, messages, NO_FENCE, openBroker, temporaryDirectory } from "./broker-fixture.ts";

const WAIT = { timeout: 8000, interval: 5 };
const SMALL = { segmentBytes: 16_384, fillAheadBytes: 8192 };
const COUNT = 200;

/** A data directory with messages that nobody has taken yet. */
async function stored(): Promise<string> {
  const dataDir = await temporaryDirectory();
  const broker = await openBroker(dataDir, SMALL);
  for (let next = 0; next < COUNT; next += 10) await broker.publish(messages(next, next + 10), NO_FENCE);
  await broker[Symbol.asyncDispose]();
  return dataDir;
}

async function segments(dataDir: string): Promise<string[]> {
  const names = await readdir(join(dataDir, "log"));
  return names
    .filter((name) => name.endsWith(".log"))
    .toSorted()
    .map((name) => join(dataDir, "log", name));
}

async function repair(dataDir: string): Promise<LogRepair> {
  return repairLog(dataDir, { apply: true, provenOffset: await provenOffsetOf(dataDir) });
}

/** Ids of everything that is delivered after the repair, and what was reported. */
async function deliveredAfterRepair(
  dataDir: string,
  count: number,
): Promise<{ ids: string[]; events: NativeBrokerEvent[] }> {
  const events: NativeBrokerEvent[] = [];
  const broker = await openBroker(dataDir, { ...SMALL, onEvent: (event) => events.push(event) });
  const { ids } = await collect(broker);
  await vi.waitFor(() => expect(ids.length).toBe(count), WAIT);
  await broker[Symbol.asyncDispose]();
  return { ids, events };
}

test("after a repair every message is delivered but those that were lost, and the loss is reported", async () => {
  const dataDir = await stored();
  const [first = ""] = await segments(dataDir);
  const file = await open(first, "r+");
  await file.write(Buffer.from("damage"), 0, 6, 9000);
  await file.close();
  const { lost } = await repair(dataDir);
  const [gap = { fromOffset: 0, toOffset: 0 }] = lost;
  expect(lost).toHaveLength(1);
  const missing = gap.toOffset - gap.fromOffset;
  const { ids, events } = await deliveredAfterRepair(dataDir, COUNT - missing);
  const { fromOffset, toOffset } = gap;
  expect(events).toContainEqual({ type: "broker.records-lost", level: "error", fromOffset, toOffset });
  expect(new Set(ids).size).toBe(COUNT - missing);
});

test("what a checkpoint proves and the end of the log does not hold is damage, and opens again after a repair", async () => {
  const dataDir = await stored();
  const proven = await provenOffsetOf(dataDir);
  const isProven = (path: string): boolean => Number(basename(path, ".log")) < proven;
  const files = await segments(dataDir);
  for (const path of files) if (!isProven(path)) await rm(path);
  // Everything but the header is gone: by the log alone that could be a segment that was just begun.
  await truncate(files.findLast(isProven) ?? "", 64);
  await expect(brokerIn(dataDir, SMALL).open()).rejects.toMatchObject({ code: "DATA_DIR_DAMAGED" });
  expect((await inspectLog(dataDir)).damage).toEqual([]);
  expect((await inspectLog(dataDir, { provenOffset: proven })).damage).toHaveLength(1);
  const { lost } = await repair(dataDir);
  expect(lost).toHaveLength(1);
  // The snapshot was there: what came before it says enough.
  const kept = Math.min(COUNT, (lost[0]?.fromOffset ?? 1) - 1);
  const { ids } = await deliveredAfterRepair(dataDir, kept);
  expect(ids).toEqual(messages(0, kept).map(({ id }) => id));
});

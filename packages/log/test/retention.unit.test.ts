import { expect, test } from "vitest";
import type { LogGap } from "@waybill/log";
import { inspectLog, LogError } from "@waybill/log";
import type { FileSystem } from "../src/ports/file-system.ts";
import { nodeFileSystem } from "../src/system/node-file-system.ts";
import { appendText, openSmall, temporaryDirectory, texts } from "./log-fixture.ts";

const CONTENTS = Array.from({ length: 120 }, (_, index) => `record ${index}`.padEnd(500, "."));

test("segments in the middle are freed, and readers are told", async () => {
  const directory = await temporaryDirectory();
  const log = await openSmall(directory);
  for (const text of CONTENTS) await appendText(log, text);
  const [first, second, third, fourth] = log.segments;
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    throw new Error("there are too few segments");
  expect(log.segments.at(-1)?.endOffset).toBe(log.nextOffset);
  const before = await log.sizeBytes();
  // The range ends within the fourth segment, which stays whole.
  await log.dropRange(second.baseOffset, fourth.baseOffset + 1);
  expect(log.segments.map(({ isDropped }) => isDropped).slice(0, 4)).toEqual([false, true, true, false]);
  expect(await log.sizeBytes()).toBeLessThan(before - 15_000);
  const kept = [...CONTENTS.slice(0, second.baseOffset), ...CONTENTS.slice(fourth.baseOffset)];
  expect(await texts(log)).toEqual(kept);
  expect(await log.read(second.baseOffset + 1)).toMatchObject({
    records: [],
    gaps: [{ fromOffset: second.baseOffset + 1, toOffset: second.endOffset, reason: "dropped" }],
    nextOffset: second.endOffset,
  });
  await log.close();

  const again = await openSmall(directory);
  const gaps: LogGap[] = [];
  const found: number[] = [];
  for await (const { offset } of again.records(0, (gap) => gaps.push(gap))) found.push(offset);
  expect(gaps).toEqual([
    { fromOffset: second.baseOffset, toOffset: second.endOffset, reason: "dropped" },
    { fromOffset: third.baseOffset, toOffset: third.endOffset, reason: "dropped" },
  ]);
  expect(found).toHaveLength(kept.length);
  expect(await inspectLog(directory)).toMatchObject({
    damage: [],
    gaps: [{ fromOffset: second.baseOffset, toOffset: third.endOffset, reason: "dropped" }],
  });
  // A prefix takes the empty files with it.
  await again.dropBefore(fourth.baseOffset);
  expect(again.firstOffset).toBe(fourth.baseOffset);
  await appendText(again, "goes on");
  expect(await texts(again)).toEqual([...CONTENTS.slice(fourth.baseOffset), "goes on"]);
});

test("the segment in use is never freed, and a range from the front removes files", async () => {
  const log = await openSmall(await temporaryDirectory());
  for (const text of CONTENTS) await appendText(log, text);
  const count = log.segmentCount;
  await log.dropRange(0, Infinity);
  expect(log.segmentCount).toBe(1);
  expect(count).toBeGreaterThan(3);
  await log.dropRange(log.firstOffset + 1, Infinity);
  expect(await texts(log)).toEqual(CONTENTS.slice(log.firstOffset));
});

test("who is reading a segment when it is freed gets its records or the gap", async () => {
  const log = await openSmall(await temporaryDirectory());
  for (const text of CONTENTS) await appendText(log, text);
  const [, second, , fourth] = log.segments;
  if (second === undefined || fourth === undefined) throw new Error("there are too few segments");
  const readings = Array.from({ length: 20 }, async (_, index) => {
    const found = new Map<number, string>();
    for await (const { offset, data } of log.records(index)) found.set(offset, data.toString());
    return found;
  });
  await log.dropRange(second.baseOffset, fourth.baseOffset);
  for (const found of await Promise.all(readings)) {
    for (const [offset, text] of found) expect(text).toBe(CONTENTS[offset]);
    for (let offset = fourth.baseOffset; offset < CONTENTS.length; offset += 1)
      expect(found.has(offset)).toBe(true);
  }
});

test("who inspects a log in use, while segments come and go, is not alarmed", async () => {
  const directory = await temporaryDirectory();
  const log = await openSmall(directory);
  const writing = new AbortController();
  const inspectAll = async (): Promise<number> => {
    let count = 0;
    for (; !writing.signal.aborted || count === 0; count += 1) {
      const found = await inspectLog(directory);
      expect(found).toMatchObject({ owner: { pid: process.pid }, damage: [] });
    }
    return count;
  };
  const inspections = inspectAll();
  for (let round = 0; round < 4; round += 1) {
    for (const text of CONTENTS) await appendText(log, text);
    const { durableOffset } = log;
    await log.dropRange(durableOffset - 80, durableOffset - 40);
    await log.dropBefore(durableOffset - 100);
  }
  writing.abort();
  expect(await inspections).toBeGreaterThan(3);
});

test("who inspects a segment that its owner removes and cuts off meanwhile is not alarmed", async () => {
  const directory = await temporaryDirectory();
  const log = await openSmall(directory);
  for (const text of CONTENTS) await appendText(log, text);
  const [first, second] = log.segments;
  let opened = 0;
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    async open(path, mode) {
      const file = await nodeFileSystem.open(path, mode);
      // The first time is for its header.
      if (!path.endsWith(`${"0".repeat(20)}.log`) || (opened += 1) !== 2) return file;
      const owner = await nodeFileSystem.open(path, "write");
      await log.dropBefore(second?.baseOffset ?? 0);
      await owner.truncate(1_000);
      await owner.close();
      return file;
    },
  };
  expect(first?.baseOffset).toBe(0);
  const found = await inspectLog(directory, { fileSystem });
  expect(opened).toBeGreaterThan(1);
  expect(found).toMatchObject({ damage: [], firstOffset: second?.baseOffset });
});

test("who reads what is being dropped is told so", async () => {
  const log = await openSmall(await temporaryDirectory());
  for (const text of CONTENTS) await appendText(log, text);
  const { nextOffset } = log;
  const dropping = log.dropBefore(nextOffset);
  const outcomes: unknown[] = [];
  while (log.segmentCount > 1) {
    const reads = Array.from({ length: nextOffset }, (_, offset) =>
      log.read(offset).then(
        ({ records }) => records[0]?.data.toString() === CONTENTS[offset],
        (error: unknown) => error instanceof LogError && error.code,
      ),
    );
    outcomes.push(...(await Promise.all(reads)));
  }
  await dropping;
  expect(outcomes.filter((outcome) => outcome !== true && outcome !== "OFFSET_DROPPED")).toEqual([]);
});

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LogGap } from "@waybill/log";
import { inspectLog, openLog, repairLog } from "@waybill/log";
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "@waybill/log/internal";
import { appendText, openSmall, QUICK, temporaryDirectory, texts } from "./log-fixture.ts";
import { placeLog, snapshot } from "./damaged-log.ts";
import { storedLog, withFile } from "./stored-log.ts";

/** Frames of one record (200 bytes), then of two, then of three; the first starts behind the segment header. */
const SECOND_FRAME = SEGMENT_HEADER_BYTES + 256;

async function readAll(directory: string): Promise<{ found: Map<number, string>; gaps: LogGap[] }> {
  const log = await openLog({ directory, ...QUICK });
  try {
    const gaps: LogGap[] = [];
    const found = new Map<number, string>();
    for await (const { offset, data } of log.records(log.firstOffset, (gap) => gaps.push(gap)))
      found.set(offset, data.toString());
    return { found, gaps };
  } finally {
    await log.close();
  }
}

test("a sound log is described and has nothing to repair", async () => {
  const { contents, files, bases } = await storedLog({ records: 120 });
  const directory = await placeLog(files);
  const before = await snapshot(directory);
  const found = await inspectLog(directory);
  expect(found).toMatchObject({
    owner: null,
    firstOffset: 0,
    endOffset: contents.length,
    recordCount: contents.length,
    damage: [],
    gaps: [],
    tornTail: null,
  });
  expect(found.segments.map(({ baseOffset }) => baseOffset)).toEqual(bases);
  expect(found.segments.length).toBeGreaterThan(2);
  const last = found.segments.at(-1);
  expect((last?.usedBytes ?? 0) + (last?.freeBytes ?? 0)).toBe(last?.fileBytes);
  expect(last?.freeBytes).toBeGreaterThan(0);
  expect(await repairLog(directory, { apply: false })).toMatchObject({ steps: [], lost: [] });
  expect(await snapshot(directory)).toEqual(before);
});

test("a damaged batch in the middle: the others are kept under their offsets, and the gap is told", async () => {
  const { contents, files } = await storedLog({ records: 120 });
  const name = segmentName(0);
  const damaged = withFile(files, name, (bytes) => {
    bytes[SECOND_FRAME + BATCH_HEADER_BYTES + 20]! ^= 1;
    return bytes;
  });
  const directory = await placeLog(damaged);
  const { damage } = await inspectLog(directory);
  const file = join(directory, "log", name);
  expect(damage).toMatchObject([{ kind: "batch", file, position: SECOND_FRAME, fromOffset: 1, toOffset: 3 }]);
  const lost = [{ fromOffset: 1, toOffset: 3, reason: "lost" }];
  const before = await snapshot(directory);
  const dry = await repairLog(directory, { apply: false });
  expect(dry).toMatchObject({ applied: false, lost, steps: [{ kind: "rewrite", file }] });
  expect(await snapshot(directory)).toEqual(before);

  const repair = await repairLog(directory, { apply: true });
  expect(repair).toEqual({ ...dry, applied: true });
  const [{ keptAs } = { keptAs: null }] = repair.steps;
  expect(await readFile(keptAs ?? "")).toEqual(damaged.get(name));
  expect(await inspectLog(directory)).toMatchObject({
    damage: [],
    gaps: lost,
    recordCount: contents.length - 2,
  });
  const { found, gaps } = await readAll(directory);
  expect(gaps).toEqual(lost);
  const expected = new Map(contents.map((text, offset) => [offset, text]));
  expected.delete(1);
  expected.delete(2);
  expect(found).toEqual(expected);
  expect(await repairLog(directory, { apply: true })).toMatchObject({ steps: [] });
});

test("a reader that does not ask about gaps is stopped at lost records", async () => {
  const { files } = await storedLog({ records: 60 });
  const directory = await placeLog(
    withFile(files, segmentName(0), (bytes) => bytes.fill(7, SECOND_FRAME, SECOND_FRAME + 10)),
  );
  await repairLog(directory, { apply: true });
  const log = await openSmall(directory);
  await expect(texts(log)).rejects.toMatchObject({
    code: "OFFSETS_LOST",
    gap: { fromOffset: 1, toOffset: 3 },
  });
  await appendText(log, "goes on");
  expect(await texts(log, 60)).toContain("goes on");
});

test("a segment that is gone becomes a gap", async () => {
  const { contents, files, bases } = await storedLog({ records: 120 });
  const [, second = 0, third = 0] = bases;
  const directory = await placeLog(withFile(files, segmentName(second), () => null));
  const lost = [{ fromOffset: second, toOffset: third, reason: "lost" }];
  expect((await inspectLog(directory)).damage).toMatchObject([
    { kind: "missing", bytes: 0, fromOffset: second, toOffset: third },
  ]);
  expect(await repairLog(directory, { apply: true })).toMatchObject({ lost, steps: [{ kind: "add" }] });
  const { found, gaps } = await readAll(directory);
  expect(gaps).toEqual(lost);
  expect(found.size).toBe(contents.length - (third - second));
});

test("a damaged segment header costs no record", async () => {
  const { contents, files, bases } = await storedLog({ records: 120 });
  for (const base of [bases[1] ?? 0, bases.at(-1) ?? 0]) {
    const directory = await placeLog(
      withFile(files, segmentName(base), (bytes) => {
        bytes[9]! ^= 0x40;
        return bytes;
      }),
    );
    await expect(openLog({ directory, ...QUICK })).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    expect(await repairLog(directory, { apply: true })).toMatchObject({ lost: [] });
    expect([...(await readAll(directory)).found.values()]).toEqual(contents);
  }
});

test("a segment under a wrong name gets its own back", async () => {
  const { contents, files, bases } = await storedLog({ records: 120 });
  const name = segmentName(bases[1] ?? 0);
  const renamed = withFile(files, name, () => null);
  renamed.set(segmentName(77_777), files.get(name) ?? Buffer.alloc(0));
  const directory = await placeLog(renamed);
  expect((await inspectLog(directory)).damage).toMatchObject([{ kind: "misplaced" }]);
  expect(await repairLog(directory, { apply: true })).toMatchObject({ lost: [] });
  expect([...(await readAll(directory)).found.values()]).toEqual(contents);
  expect(await readdir(join(directory, "damaged-1"))).toEqual([segmentName(77_777)]);
});

test("a copy of a segment under another name is put aside", async () => {
  const { contents, files } = await storedLog({ records: 120 });
  const copied = new Map(files);
  copied.set(segmentName(77_777), files.get(segmentName(0)) ?? Buffer.alloc(0));
  const directory = await placeLog(copied);
  expect(await repairLog(directory, { apply: true })).toMatchObject({
    lost: [],
    steps: [{ kind: "remove" }],
  });
  expect([...(await readAll(directory)).found.values()]).toEqual(contents);
});

test("records that were proven durable and are gone from the end stay lost, and their offsets are not used again", async () => {
  const { contents, files, bases } = await storedLog({ records: 120 });
  const end = contents.length;
  const last = bases.at(-1) ?? 0;
  const directory = await placeLog(
    withFile(files, segmentName(last), (bytes) => bytes.subarray(0, SEGMENT_HEADER_BYTES + 20)),
  );
  const provenOffset = end;
  const lost = [{ fromOffset: last, toOffset: end, reason: "lost" }];
  expect(await repairLog(directory, { apply: true, provenOffset })).toMatchObject({ lost });
  const log = await openLog({ directory, ...QUICK, provenOffset });
  expect(log.nextOffset).toBe(end);
  await appendText(log, "after");
  expect(await texts(log, end)).toEqual(["after"]);
  await log.close();
});

test("without any segment, what was proven is a gap", async () => {
  const { files } = await storedLog({ records: 10 });
  const directory = await placeLog(withFile(files, segmentName(0), () => null));
  expect(await repairLog(directory, { apply: true, provenOffset: 9 })).toMatchObject({
    lost: [{ fromOffset: 0, toOffset: 9 }],
  });
  expect((await readAll(directory)).gaps).toEqual([{ fromOffset: 0, toOffset: 9, reason: "lost" }]);
});

test("a directory without a log, and one that is open", async () => {
  const directory = await temporaryDirectory();
  await expect(inspectLog(directory)).rejects.toMatchObject({ code: "LOG_MISSING" });
  await expect(repairLog(directory, { apply: true })).rejects.toMatchObject({ code: "LOG_MISSING" });
  const log = await openSmall(directory);
  await appendText(log, "one");
  expect(await inspectLog(directory)).toMatchObject({
    owner: { pid: process.pid },
    recordCount: 1,
    damage: [],
  });
  await expect(repairLog(directory, { apply: true })).rejects.toMatchObject({ code: "LOG_OWNED" });
  expect(await repairLog(directory, { apply: false })).toMatchObject({ steps: [] });
  await log.close();
  expect(await inspectLog(directory)).toMatchObject({ owner: null });
  await rm(join(directory, "lock"));
  expect(await inspectLog(directory)).toMatchObject({ owner: null });
});

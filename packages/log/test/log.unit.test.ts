import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { FileSystem } from "@waybill/log";
import { nodeFileSystem, openLog, recordOf } from "@waybill/log";
import { FaultyFileSystem } from "@waybill/log/testing";
import { appendText, openSmall, temporaryDirectory, texts } from "./log-fixture.ts";
import { SMALL } from "./log-sizes.ts";

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `record ${index} ${"x".repeat(index % 100)}`);

describe("append and read", () => {
  test("what was appended is there after a reopen, in order, over many segments", async () => {
    const directory = await temporaryDirectory();
    const expected = numbered(500);
    const log = await openSmall(directory);
    for (let start = 0; start < 500; start += 50) await appendText(log, ...expected.slice(start, start + 50));
    expect(await texts(log)).toEqual(expected);
    expect(log.segmentCount).toBeGreaterThan(3);
    await log.close();
    const again = await openSmall(directory);
    expect(again.tornTail).toBeNull();
    expect(again.nextOffset).toBe(500);
    expect(await texts(again)).toEqual(expected);
    expect(await texts(again, 321)).toEqual(expected.slice(321));
  });

  test("zeros that are written slowly never land on what was committed", async () => {
    const directory = await temporaryDirectory();
    const expected = numbered(60).map((text) => text.padEnd(1800, "."));
    const log = await openSmall(directory, { fileSystem: slowZeros });
    for (const text of expected) await appendText(log, text);
    await log.close();
    expect(await texts(await openSmall(directory))).toEqual(expected);
  });

  test("appends made while a commit is in flight share the next commit", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const log = await openSmall(await temporaryDirectory(), { fileSystem, segmentBytes: 1024 * 1024 });
    await appendText(log, "first");
    const before = fileSystem.calls.get("dataSync") ?? 0;
    await Promise.all(numbered(300).map((text) => appendText(log, text)));
    expect((fileSystem.calls.get("dataSync") ?? 0) - before).toBeLessThan(5);
    expect(log.durableOffset).toBe(301);
  });

  test("nothing resolves and nothing can be read before fdatasync did", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const log = await openSmall(await temporaryDirectory(), { fileSystem });
    await appendText(log, "first");
    const gate = Promise.withResolvers<void>();
    fileSystem.holdSyncs(gate.promise);
    let resolved = false;
    const append = appendText(log, "second").then(() => (resolved = true));
    await expect.poll(() => fileSystem.calls.get("write")).toBeGreaterThan(2);
    expect(await texts(log)).toEqual(["first"]);
    expect(resolved).toBe(false);
    gate.resolve();
    await append;
    expect(await texts(log)).toEqual(["first", "second"]);
  });

  test("a record larger than a batch and a segment is stored; one over the limit is refused alone", async () => {
    const directory = await temporaryDirectory();
    const log = await openSmall(directory, { batchBytesMax: 512, recordBytesMax: 20_000 });
    const large = "y".repeat(20_000);
    await appendText(log, "a", large, "b");
    await expect(appendText(log, `${large}y`)).rejects.toMatchObject({ code: "RECORD_TOO_LARGE" });
    await appendText(log, "c");
    expect(await texts(log)).toEqual(["a", large, "b", "c"]);
  });

  test("a full queue refuses, and takes again when it drained", async () => {
    const log = await openSmall(await temporaryDirectory(), {
      batchBytesMax: 100,
      recordBytesMax: 100,
      queueBytesMax: 520,
    });
    const taken = [0, 1, 2, 3, 4, 5].map(() => log.append([recordOf(Buffer.alloc(100))]));
    await expect(log.append([recordOf(Buffer.alloc(100))])).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await Promise.all(taken);
    await log.append([recordOf(Buffer.alloc(100))]);
    expect(log.durableOffset).toBe(7);
  });

  test("dropBefore removes whole segments only, and older records say so", async () => {
    const directory = await temporaryDirectory();
    const log = await openSmall(directory);
    const expected = numbered(400);
    for (const text of expected) await appendText(log, text);
    const sizeBefore = await log.sizeBytes();
    await log.dropBefore(200);
    expect(log.firstOffset).toBeLessThanOrEqual(200);
    expect(log.firstOffset).toBeGreaterThan(0);
    expect(await log.sizeBytes()).toBeLessThan(sizeBefore);
    expect(await texts(log)).toEqual(expected.slice(log.firstOffset));
    await expect(log.read(0)).rejects.toMatchObject({ code: "OFFSET_DROPPED" });
    expect(await readdir(join(directory, "log"))).toHaveLength(
      log.segmentCount + ((await hasSpare(directory)) ? 1 : 0),
    );
  });
});

const slowZeros: FileSystem = {
  ...nodeFileSystem,
  async open(path, mode) {
    const file = await nodeFileSystem.open(path, mode);
    const write = file.write.bind(file);
    file.write = async (bytes, position) => {
      const turns = bytes.every((byte) => byte === 0) ? 20 : 0;
      for (let turn = 0; turn < turns; turn += 1) await setImmediate();
      await write(bytes, position);
    };
    return file;
  },
};

test("a segment that cannot be removed leaves no gap behind it", async () => {
  const directory = await temporaryDirectory();
  const fileSystem = new FaultyFileSystem(nodeFileSystem);
  const log = await openSmall(directory, { fileSystem });
  const expected = numbered(400);
  for (const text of expected) await appendText(log, text);
  fileSystem.arm({ operation: "remove", nth: 2, error: new Error("EIO") });
  await expect(log.dropBefore(300)).rejects.toThrow("EIO");
  const { firstOffset } = log;
  expect(await texts(log)).toEqual(expected.slice(firstOffset));
  await log.dropBefore(300);
  expect(log.firstOffset).toBeGreaterThan(firstOffset);
  await log.close();
  const again = await openSmall(directory);
  expect(await texts(again)).toEqual(expected.slice(again.firstOffset));
});

async function hasSpare(directory: string): Promise<boolean> {
  return (await readdir(join(directory, "log"))).includes("spare.tmp");
}

describe("options and owner", () => {
  test("an unknown option is refused with the known ones in the message", async () => {
    const options = { directory: await temporaryDirectory(), segmentSize: 1 };
    await expect(openLog(options)).rejects.toThrow(/segmentSize is not known.*segmentBytes/);
  });

  test("a directory has one owner; the second is told its pid", async () => {
    const directory = await temporaryDirectory();
    const log = await openSmall(directory);
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({
      code: "LOG_OWNED",
      ownerPid: process.pid,
    });
    await log.close();
    await openSmall(directory);
  });

  test("the folder of the segments is readable by its owner only", async () => {
    const directory = join(await temporaryDirectory(), "data");
    await openSmall(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });
});

import { copyFile, cp, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodeFileSystem, openLog } from "@waybill/log";
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "@waybill/log/internal";
import { FaultyFileSystem } from "@waybill/log/testing";
import { appendText, openSmall, QUICK, temporaryDirectory, texts } from "./log-fixture.ts";
import { SMALL } from "./log-sizes.ts";

/** A directory as a crash leaves it: three batches in one segment, no seal. `last` is where the third one stands. */
async function crashed(): Promise<{
  directory: string;
  file: string;
  bytes: Buffer;
  last: number;
  end: number;
}> {
  const source = await temporaryDirectory();
  const log = await openSmall(source);
  await appendText(log, "one", "two");
  await appendText(log, "three");
  await appendText(log, "four", "five");
  const directory = join(source, "copy");
  await cp(join(source, "log"), join(directory, "log"), { recursive: true });
  await log.close();
  const file = join(directory, "log", segmentName(0));
  const bytes = await readFile(file);
  const last = SEGMENT_HEADER_BYTES + (48 + 16) + (48 + 16);
  return { directory, file, bytes, last, end: last + 48 + 16 };
}

describe("a torn tail", () => {
  test("truncation at every byte of the last batch leaves exactly the records before it", async () => {
    const { directory, file, bytes, last, end } = await crashed();
    for (let cut = last; cut < end; cut += 1) {
      await writeFile(file, bytes.subarray(0, cut));
      const log = await openLog({ directory, ...QUICK });
      expect(await texts(log), `cut at ${cut}`).toEqual(["one", "two", "three"]);
      expect(log.tornTail?.bytes ?? 0).toBeLessThanOrEqual(cut - last);
      await appendText(log, "six");
      expect(await texts(log)).toEqual(["one", "two", "three", "six"]);
      await log.close();
    }
  });

  test("zeros in place of any suffix of the last batch are torn too, and the torn bytes are kept", async () => {
    const { directory, file, bytes, last, end } = await crashed();
    for (let cut = last + 1; cut < end - 1; cut += 1) {
      const torn = Buffer.from(bytes);
      torn.fill(0, cut);
      await writeFile(file, torn);
      const log = await openLog({ directory, ...QUICK });
      expect(await texts(log), `zeros from ${cut}`).toEqual(["one", "two", "three"]);
      const { file: aside, bytes: tornBytes } = log.tornTail ?? { file, bytes: 0 };
      const kept = (await readFile(aside)).subarray(0, tornBytes);
      expect(kept.equals(torn.subarray(last, last + tornBytes))).toBe(true);
      await log.close();
    }
    expect((await readdir(join(directory, "torn"))).length).toBeGreaterThan(50);
  });

  test("each flipped bit in the header of the last batch is noticed, and nothing of it is served", async () => {
    const { directory, file, bytes, last } = await crashed();
    for (let bit = 0; bit < BATCH_HEADER_BYTES * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[last + (bit >> 3)]! ^= 1 << (bit & 7);
      await writeFile(file, flipped);
      const log = await openLog({ directory, ...QUICK });
      expect(log.tornTail, `bit ${bit}`).not.toBeNull();
      expect(await texts(log)).toEqual(["one", "two", "three"]);
      await log.close();
    }
  });
});

describe("corruption is refused with its place and changes nothing", () => {
  test("a flipped bit with a valid batch behind it", async () => {
    const { directory, file, bytes } = await crashed();
    const at = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + 5;
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1;
    await writeFile(file, flipped);
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      file,
      position: SEGMENT_HEADER_BYTES,
      offset: 0,
    });
    expect((await readFile(file)).equals(flipped)).toBe(true);
  });

  test("damage to the last record after a clean close, because of the seal", async () => {
    const directory = await temporaryDirectory();
    const log = await openSmall(directory);
    await appendText(log, "one");
    await log.close();
    const file = join(directory, "log", segmentName(0));
    const bytes = await readFile(file);
    bytes[SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + 4]! ^= 4;
    await writeFile(file, bytes);
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({ code: "LOG_CORRUPT", offset: 0 });
  });

  test("a torn batch that was proven durable", async () => {
    const { directory, file, last } = await crashed();
    await truncate(file, last + 10);
    await expect(openLog({ directory, ...SMALL, provenOffset: 5 })).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      offset: 3,
    });
  });

  test("a batch of another segment in place of its own", async () => {
    const other = await crashed();
    const { directory, file } = await crashed();
    const mixed = Buffer.concat([
      (await readFile(file)).subarray(0, 64),
      (await readFile(other.file)).subarray(64),
    ]);
    await writeFile(file, mixed);
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      position: 64,
      offset: 0,
    });
  });

  test("a damaged segment header, a renamed segment, and a missing one in the middle", async () => {
    const { directory, file, bytes } = await crashed();
    const flipped = Buffer.from(bytes);
    flipped[10]! ^= 1;
    await writeFile(file, flipped);
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      position: 0,
    });
    await writeFile(file, bytes);
    await copyFile(file, join(directory, "log", segmentName(77)));
    await expect(openLog({ directory, ...SMALL })).rejects.toMatchObject({ code: "LOG_CORRUPT", offset: 77 });
  });
});

describe("a failed write is final", () => {
  test.each(["write", "dataSync"] as const)(
    "%s failing at any call confirms nothing that is not there",
    async (operation) => {
      for (let nth = 1; nth <= 12; nth += 1) {
        const directory = await temporaryDirectory();
        const fileSystem = new FaultyFileSystem(nodeFileSystem);
        const log = await openLog({ directory, ...SMALL, fileSystem });
        fileSystem.arm({ operation, nth, error: new Error("EIO"), tornBytes: 13 });
        const confirmed: string[] = [];
        for (let index = 0; index < 20; index += 1) {
          const text = `record ${index} ${"x".repeat(400)}`;
          await appendText(log, text).then(
            () => confirmed.push(text),
            () => {},
          );
        }
        await log.close();
        const again = await openLog({ directory, ...SMALL });
        const found = await texts(again);
        expect(found.slice(0, confirmed.length), `${operation} ${nth}`).toEqual(confirmed);
        expect(found.length).toBeLessThanOrEqual(confirmed.length + 1);
        await again.close();
      }
    },
  );

  test("records that recovery found count only once they are durable", async () => {
    const { directory, bytes, last, end } = await crashed();
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const isLastBatch = (written: Uint8Array, position: number): boolean =>
      position === last && bytes.subarray(last, end).equals(written);
    const rewrite = { operation: "write", nth: 1, error: new Error("EROFS"), matches: isLastBatch } as const;
    fileSystem.arm(rewrite);
    await expect(openLog({ directory, ...SMALL, fileSystem })).rejects.toThrow("EROFS");
    fileSystem.arm({ operation: "dataSync", nth: 1, error: new Error("EIO") });
    await expect(openLog({ directory, ...SMALL, fileSystem })).rejects.toThrow("EIO");
    const log = await openSmall(directory);
    expect(await texts(log)).toHaveLength(5);
  });

  test("everything that waits is rejected with the poisoned batch", async () => {
    const fileSystem = new FaultyFileSystem(nodeFileSystem);
    const log = await openSmall(await temporaryDirectory(), { fileSystem });
    await appendText(log, "first");
    fileSystem.arm({ operation: "dataSync", nth: 1, error: new Error("EIO"), sticky: true });
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => appendText(log, `r${index}`)),
    );
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    expect(log.failure?.code).toBe("LOG_POISONED");
    fileSystem.arm(null);
    await expect(appendText(log, "after")).rejects.toMatchObject({ code: "LOG_POISONED" });
  });
});

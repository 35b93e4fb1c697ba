import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openLog } from "@waybill/log";
import {
  requirePart,
  smallDisk,
  straceCommand,
  temporaryFolder,
  waitFor,
  whyNoSmallDisk,
  whyNoStrace,
} from "@waybill/services";
import { beginConfirmed, checkNumberedLog } from "../src/log/check-numbered-log.ts";
import { killLog } from "../src/log/kill-log.ts";
import { numberedRecords } from "../src/log/numbered-record.ts";
import { seeded } from "../src/seeded.ts";

const APPENDER = fileURLToPath(new URL("../src/log/append-process.ts", import.meta.url));
const CYCLES = 20;
/** The process ends by itself there, if nothing fails. */
const RECORDS = 3_000;

test("twenty kills under load: every confirmed record is there, and none is wrong", async () => {
  await using folder = temporaryFolder("waybill-kill-log");
  const report = await killLog(folder.path, { cycles: CYCLES, chance: seeded(20) });
  expect(report.cycles).toBe(CYCLES);
  expect(report.confirmed).toBeGreaterThan(CYCLES * 100);
});

/** Runs the process that appends with a fault of the operating system in it; answers its last line. */
async function appendWithFault(
  directory: string,
  calls: readonly string[],
  error: string,
  nth: number,
): Promise<unknown> {
  const [command = "", ...args] = straceCommand({ calls, error, nth });
  const node = [process.execPath, "--conditions=waybill-source", APPENDER, directory, String(RECORDS)];
  const child = spawn(command, [...args, ...node], {
    // One thread makes all calls, so that the nth is the nth.
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  return JSON.parse(output.trim().split("\n").at(-1) ?? "null");
}

const missingStrace = whyNoStrace();
describe.runIf(requirePart("strace", missingStrace))(
  `calls of the kernel that fail ${missingStrace ?? ""}`,
  () => {
    test.each([
      [["fdatasync"], "EIO"],
      [["pwrite64"], "EIO"],
      [["pwrite64"], "ENOSPC"],
      [["rename", "renameat", "renameat2"], "EIO"],
      [["fsync"], "EIO"],
    ])(
      "%s with %s, at one call after the other: nothing is confirmed that is not there",
      async (calls, error) => {
        let isThrough = false;
        let failures = 0;
        for (let nth = 1; !isThrough && nth <= 20; nth = nth < 6 ? nth + 1 : nth + 7) {
          await using folder = temporaryFolder("waybill-strace");
          await beginConfirmed(folder.path);
          const last = await appendWithFault(folder.path, calls, error, nth);
          expect(last, `${calls.join()} ${nth}`).toMatchObject({
            event: expect.stringMatching(/^(failed|done)$/),
          });
          const { event, message = "" } = last as { event: string; message?: string };
          if (message.includes(error)) failures += 1;
          // Fewer calls than that were made. Zeros that cannot be written ahead stop nothing as long as others can.
          isThrough = event === "done" && calls[0] !== "pwrite64";
          const { confirmed, found } = await checkNumberedLog(folder.path);
          expect(found).toBeGreaterThanOrEqual(confirmed);
        }
      },
    );
  },
);

const missingDisk = whyNoSmallDisk();
describe.runIf(requirePart("tmpfs", missingDisk))(`a full disk ${missingDisk ?? ""}`, () => {
  test("appends are refused, urgent ones have a reserve, and the log goes on by itself once there is space", async () => {
    await using disk = smallDisk(8 * 1024 * 1024);
    const ballast = join(disk.path, "ballast");
    await writeFile(ballast, Buffer.alloc(3 * 1024 * 1024, 1));
    await using log = await openLog({
      directory: disk.path,
      segmentBytes: 2 * 1024 * 1024,
      fillAheadBytes: 512 * 1024,
    });
    const append = (options = {}): Promise<unknown> =>
      log.append(numberedRecords(log.nextOffset, 20), options).catch((error: unknown) => error);
    let refusal: unknown;
    while (refusal === undefined) refusal = await append();
    expect(refusal).toMatchObject({ code: "LOG_FULL" });
    const confirmed = log.durableOffset;
    expect(log.nextOffset).toBe(confirmed);
    expect(await append({ urgent: true })).toBeUndefined();
    await rm(ballast);
    await waitFor(async () => (await append()) === undefined);
    const end = log.durableOffset;
    expect(end).toBeGreaterThan(confirmed);
    await log.close();
    await beginConfirmed(disk.path);
    expect(await checkNumberedLog(disk.path)).toMatchObject({ found: end });
  });
});

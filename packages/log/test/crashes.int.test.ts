import { expect, test } from "vitest";
import { Log } from "@waybill/log";
import type { FileOperation } from "@waybill/log/testing";
import { fileError, SimulatedDisk } from "@waybill/log/testing";
import { seededRandom } from "@waybill/services";
import {
  crashWorkload,
  expectNoDamage,
  Ledger,
  openAfterCrash,
  openSimulated,
  useLog,
} from "./crash-workload.ts";

const SEEDS = 80;
/** Thousands of logs are opened: on a busy machine that takes longer than a unit test may. */
const TIMEOUT_MS = 60_000;

test(
  "whenever it crashes, loses power or fails, every confirmed record is there and no other one",
  async () => {
    let tornTails = 0;
    let confirmed = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const report = await crashWorkload(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      });
      tornTails += report.tornTails;
      confirmed += report.confirmed;
    }
    // The disk did what it is there for.
    expect(tornTails).toBeGreaterThan(SEEDS / 10);
    expect(confirmed).toBeGreaterThan(SEEDS * 10);
  },
  TIMEOUT_MS,
);

const OPERATIONS: readonly FileOperation[] = [
  "makeDirectory",
  "list",
  "create",
  "open",
  "write",
  "read",
  "dataSync",
  "truncate",
  "rename",
  "remove",
  "syncDirectory",
];

/** Opens a log with a torn tail, works, and ends by a crash; `nth` is the call that fails. Answers how many calls there were. */
async function failAt(
  operation: FileOperation,
  nth: number,
  ending: "afterKill" | "afterPowerLoss",
): Promise<number> {
  const random = seededRandom(7);
  const ledger = new Ledger();
  const before = new SimulatedDisk(random);
  await useLog(await openSimulated(before, random, 0), ledger, random);
  const disk = before.afterKill();
  await tear(disk);
  const error = fileError(nth % 2 === 0 ? "EIO" : "ENOSPC", `${operation} ${nth}`);
  disk.arm({ operation, nth, error, ...(operation === "write" && { tornBytes: 70 }) });
  const opened = await openSimulated(disk, random, 0).catch((refusal: unknown) => refusal);
  const log = opened instanceof Log ? opened : null;
  // What the disk cannot do now says nothing about what it holds.
  expect(log ?? opened, `${operation} ${nth}`).toBe(log ?? error);
  if (log !== null) {
    await useLog(log, ledger, random);
    await log.close().catch(() => {});
  }
  const after = disk[ending]();
  await expectNoDamage(after);
  await openAfterCrash(after, ledger, random);
  return disk.calls.get(operation) ?? 0;
}

/** Half of a batch behind the last one, as a killed process leaves it. */
async function tear(disk: SimulatedDisk): Promise<void> {
  const segments = (await disk.list("/data/log")).filter((name) => name.endsWith(".log"));
  const path = `/data/log/${segments.toSorted().at(-1)}`;
  const bytes = disk.contents(path);
  if (bytes === null) throw new Error("there is no segment");
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  disk.put(path, Buffer.concat([bytes.subarray(0, Math.ceil(end / 8) * 8), Buffer.from("WBLB torn")]));
}

test.each(OPERATIONS)(
  "%s failing once at any call: nothing confirmed is lost, nothing else is found",
  async (operation) => {
    let calls = 0;
    for (let nth = 1; nth <= calls + 1; nth += 1) {
      for (const ending of ["afterKill", "afterPowerLoss"] as const)
        calls = Math.max(calls, await failAt(operation, nth, ending));
    }
    expect(calls).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

import type { Log, LogInspection } from "@waybill/log";
import { inspectLog, LogError, openLog, repairLog } from "@waybill/log";
import { SimulatedDisk } from "@waybill/log/testing";
import type { Seeded } from "../../seeded.ts";
import type { FuzzTarget, Verdict } from "../fuzz.ts";
import { mutateLog } from "./mutate-log.ts";
import { randomLog } from "./random-log.ts";

const DIRECTORY = "/data";
const INPUT_MS_MAX = 2_000;
const RECORD_BYTES_MAX = 1024;

const SMALL = {
  segmentBytes: 8192,
  fillAheadBytes: 4096,
  batchBytesMax: 1024,
  recordBytesMax: RECORD_BYTES_MAX,
} as const;

/** Recovery, the reader, inspecting and repairing: everything that reads what stands in the files of a log. */
export function logTarget(): FuzzTarget {
  return { inputMsMax: INPUT_MS_MAX, tryOne };
}

/**
 * What nobody changed is read whole. What was changed is read, or refused with a code, and never serves a record that was
 * not written, unless the CRCs were forged. Inspecting never fails; what it finds sound can be read; what is repaired opens.
 */
async function tryOne(chance: Seeded): Promise<Verdict> {
  const log = randomLog(chance);
  const { files, isIntact, isForged } = mutateLog(chance, log);
  const expected = isForged ? null : log.stored;
  const found = await inspect(diskWith(files));
  const { records, refusal } = await readAll(diskWith(files), expected);
  if (isIntact && refusal !== null) throw new Error(`intact, refused: ${refusal}`);
  if (isIntact && refusal === null && records !== log.stored.size)
    throw new Error(`intact, ${records} records`);
  if (found.damage.length === 0 && refusal === "LOG_CORRUPT")
    throw new Error("refused, and nothing is damaged");
  // Bytes behind the last batch of a full segment are damage, and cost no record.
  const lost = found.damage.find(({ fromOffset, toOffset }) => toOffset > fromOffset);
  if (lost !== undefined && refusal === null)
    throw new Error(`read whole, and lost: ${JSON.stringify(lost)}`);
  if (found.damage.length > 0) await repair(diskWith(files), expected, found);
  return refusal === null ? "read" : "refused";
}

function diskWith(files: ReadonlyMap<string, Buffer>): SimulatedDisk {
  const disk = new SimulatedDisk(() => 0);
  // There even without any segment.
  disk.put(`${DIRECTORY}/log/spare.tmp`, Buffer.alloc(0));
  for (const [name, bytes] of files) disk.put(`${DIRECTORY}/log/${name}`, bytes);
  return disk;
}

async function repair(
  disk: SimulatedDisk,
  expected: ReadonlyMap<number, Buffer> | null,
  { recordCount }: LogInspection,
): Promise<void> {
  const options = {
    fileSystem: disk,
    acquireLock: noLock,
    findOwner: () => null,
    now: () => 0,
    epoch: () => 7,
  };
  await repairLog(DIRECTORY, { ...options, apply: true });
  const after = await inspect(disk);
  if (after.damage.length > 0) throw new Error(`repaired, and damaged: ${JSON.stringify(after.damage)}`);
  const { records, refusal } = await readAll(disk, expected);
  if (refusal !== null) throw new Error(`repaired, and refused: ${refusal}`);
  if (records > recordCount) throw new Error(`${recordCount} records became ${records}`);
}

function inspect(fileSystem: SimulatedDisk): Promise<LogInspection> {
  return inspectLog(DIRECTORY, { fileSystem, findOwner: () => null });
}

/** Opens and reads everything, and appends one record if all is well. */
async function readAll(
  fileSystem: SimulatedDisk,
  expected: ReadonlyMap<number, Buffer> | null,
): Promise<{ readonly records: number; readonly refusal: string | null }> {
  let records = 0;
  let log: Log | null = null;
  try {
    log = await openLog({
      ...SMALL,
      directory: DIRECTORY,
      fileSystem,
      acquireLock: noLock,
      now: () => 0,
      epoch: () => 9,
    });
    let next = log.firstOffset;
    for await (const { offset, data } of log.records(next, () => {})) {
      if (offset < next) throw new Error(`record ${offset} after ${next - 1}`);
      if (expected !== null && expected.get(offset)?.equals(data) !== true)
        throw new Error(`record ${offset} was never written`);
      next = offset + 1;
      records += 1;
    }
    await log.close();
    return { records, refusal: null };
  } catch (error) {
    await log?.close();
    if (error instanceof LogError && error.code === "LOG_CORRUPT") return { records, refusal: error.code };
    throw error;
  }
}

function noLock(): { release(): void } {
  return { release: () => {} };
}

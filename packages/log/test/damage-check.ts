import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Log, LogGap, LogInspection } from "@waybill/log";
import { inspectLog, LogCorruptError, openLog, repairLog } from "@waybill/log";
import { SimulatedDisk } from "@waybill/log/testing";
import { seededRandom } from "@waybill/services";
import { SMALL } from "./log-sizes.ts";
import type { SegmentBytes } from "./stored-log.ts";

const DIRECTORY = "/data";
const OFFLINE = {
  findOwner: () => null,
  acquireLock: () => ({ release: () => {} }),
  epoch: () => 99,
  now: () => 0,
};

function diskWith(files: SegmentBytes): SimulatedDisk {
  const disk = new SimulatedDisk(seededRandom(1));
  for (const [name, bytes] of files) disk.put(join(DIRECTORY, "log", name), bytes);
  return disk;
}

/** What became of damaged files. `end`: the records before it were served, and no others. */
export type Outcome =
  | { readonly kind: "served"; readonly end: number; readonly isTorn: boolean }
  | { readonly kind: "refused"; readonly found: LogInspection };

/**
 * Opens damaged files, reads them, inspects and (with `repair`) repairs them. Throws if a record is served that was not
 * written under its offset, if what is refused is not in the list of what is damaged, or if a repair loses a record that is
 * not in that list.
 */
export async function checkDamaged(
  files: SegmentBytes,
  contents: readonly string[],
  { repair }: { readonly repair: boolean },
): Promise<Outcome> {
  const disk = diskWith(files);
  const before = await inspectLog(DIRECTORY, { ...OFFLINE, fileSystem: disk });
  if (repair) await checkRepair(diskWith(files), contents, before);
  let log: Log;
  try {
    log = await openSimulated(disk);
  } catch (error) {
    assert(error instanceof LogCorruptError, String(error));
    assert.deepEqual(error.damage, before.damage);
    assert(before.damage.length > 0, "refused, and nothing is damaged");
    return { kind: "refused", found: before };
  }
  let end = 0;
  try {
    for await (const { offset, data } of log.records(0)) {
      assert.equal(offset, end);
      assert.equal(data.toString(), contents[offset], `record ${offset} is wrong`);
      end += 1;
    }
  } catch (error) {
    if (!(error instanceof LogCorruptError)) throw error;
    const lost = before.damage.find(({ toOffset, fromOffset }) => toOffset > fromOffset);
    assert.equal(lost?.fromOffset, error.offset, "the reader stopped elsewhere");
    return { kind: "refused", found: before };
  }
  assert.equal(end, log.nextOffset);
  assert.deepEqual(before.damage, [], "damage was passed over");
  assert.equal(before.tornTail !== null, log.tornTail !== null);
  return { kind: "served", end, isTorn: log.tornTail !== null };
}

async function checkRepair(
  disk: SimulatedDisk,
  contents: readonly string[],
  before: LogInspection,
): Promise<void> {
  const { lost } = await repairLog(DIRECTORY, { ...OFFLINE, apply: true, fileSystem: disk });
  const log = await openSimulated(disk);
  const gaps: LogGap[] = [];
  const found = new Map<number, string>();
  for await (const { offset, data } of log.records(0, (gap) => gaps.push(gap)))
    found.set(offset, data.toString());
  assert.deepEqual(joined(gaps), lost);
  for (let offset = 0; offset < before.endOffset; offset += 1) {
    const isLost = lost.some(({ fromOffset, toOffset }) => offset >= fromOffset && offset < toOffset);
    assert.equal(
      found.get(offset),
      isLost ? undefined : contents[offset],
      `record ${offset} after the repair`,
    );
  }
  await log.close();
}

/** Readers are told of a gap frame by frame and segment by segment. */
function joined(gaps: readonly LogGap[]): LogGap[] {
  const result: LogGap[] = [];
  for (const gap of gaps) {
    const last = result.at(-1);
    if (last?.toOffset === gap.fromOffset) result[result.length - 1] = { ...last, toOffset: gap.toOffset };
    else result.push(gap);
  }
  return result;
}

function openSimulated(fileSystem: SimulatedDisk): Promise<Log> {
  return openLog({
    ...SMALL,
    directory: DIRECTORY,
    fileSystem,
    acquireLock: () => ({ release: () => {} }),
    epoch: () => 98,
  });
}

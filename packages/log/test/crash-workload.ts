import { strict as assert } from "node:assert";
import type { Log, LogGap } from "@waybill/log";
import { inspectLog, openLog, recordOf } from "@waybill/log";
import { fileError, SimulatedDisk } from "@waybill/log/testing";
import { seededRandom } from "@waybill/services";
import { SMALL } from "./log-sizes.ts";

const DIRECTORY = "/data";
const ROUNDS = 5;
const FAILING = ["write", "dataSync", "rename", "create", "syncDirectory", "truncate", "remove"] as const;

/** What one seed came to. */
export interface CrashReport {
  readonly confirmed: number;
  readonly crashes: number;
  readonly tornTails: number;
}

/** What must be, and what may be in the log. The index is the offset. */
export class Ledger {
  readonly appended: string[] = [];
  /** Offsets before it were confirmed, or found by an open. */
  confirmedEnd = 0;
  /** Offsets before it, and of these ranges, may have been dropped. */
  droppedEnd = 0;
  readonly droppedRanges: { readonly from: number; readonly to: number }[] = [];

  mayBeGone(offset: number): boolean {
    return (
      offset < this.droppedEnd || this.droppedRanges.some(({ from, to }) => offset >= from && offset < to)
    );
  }

  /** What stands in the log from now on is what counts. */
  settle(end: number): void {
    this.appended.length = end;
    this.confirmedEnd = end;
  }
}

/**
 * A log in use on a disk that crashes, loses power and fails, several times over. Throws if anything confirmed is gone, if
 * a record is not what was appended, if a crash is taken for damage, or if what an open found is gone at the next.
 */
export async function crashWorkload(seed: number): Promise<CrashReport> {
  const random = seededRandom(seed);
  const ledger = new Ledger();
  let disk = new SimulatedDisk(random);
  let tornTails = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    disk = await crashingRound(disk, ledger, random);
    if (round > 0 || ledger.confirmedEnd > 0) await expectNoDamage(disk);
    const opened = await openAfterCrash(disk, ledger, random);
    tornTails += opened.tornTails;
    ({ disk } = opened);
  }
  return { confirmed: ledger.confirmedEnd, crashes: ROUNDS, tornTails };
}

/** Uses the log until a call of the file system is its last, or until the work is done; answers the disk behind it. */
async function crashingRound(
  disk: SimulatedDisk,
  ledger: Ledger,
  random: () => number,
): Promise<SimulatedDisk> {
  const losesPower = random() < 0.7;
  let callsLeft = 1 + Math.floor(random() * 80);
  let after: SimulatedDisk | null = null;
  disk.beforeCall = () => {
    callsLeft -= 1;
    if (callsLeft === 0) after = losesPower ? disk.afterPowerLoss() : disk.afterKill();
    if (after !== null) throw new Error("the machine is gone");
  };
  if (random() < 0.25) {
    const operation = FAILING[Math.floor(random() * FAILING.length)] ?? "write";
    const nth = 1 + Math.floor(random() * 25);
    const code = random() < 0.5 ? "EIO" : "ENOSPC";
    const tornBytes = random() < 0.5 ? Math.floor(random() * 300) : 0;
    disk.arm({ operation, nth, error: fileError(code, "simulated"), tornBytes });
  }
  const log = await openSimulated(disk, random, ledger.confirmedEnd).catch((error: unknown) => {
    assert.notEqual(codeOf(error), "LOG_CORRUPT", String(error));
    return null;
  });
  if (log !== null) await useLog(log, ledger, random);
  return after ?? (losesPower ? disk.afterPowerLoss() : disk.afterKill());
}

export async function useLog(log: Log, ledger: Ledger, random: () => number): Promise<void> {
  const bursts = Math.floor(10 + random() * 30);
  for (let burst = 0; burst < bursts && log.failure === null; burst += 1) {
    const appends = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      appendSome(log, ledger, random),
    );
    if (random() < 0.7) await Promise.all(appends);
    if (random() < 0.1) await dropSome(log, ledger, random);
  }
  if (random() < 0.3) await log.close().catch(() => {});
  else await log.append([]).catch(() => {});
}

async function appendSome(log: Log, ledger: Ledger, random: () => number): Promise<void> {
  const count = Math.floor(random() * 4);
  const first = log.nextOffset;
  const records = Array.from({ length: count }, (_, index) =>
    `${first + index} ${random()} `.padEnd(Math.floor(random() * 900), "-"),
  );
  const appended = log.append(records.map((text) => recordOf(Buffer.from(text))));
  const end = log.nextOffset;
  if (end > first) ledger.appended.splice(first, count, ...records);
  await appended.then(
    () => (ledger.confirmedEnd = Math.max(ledger.confirmedEnd, end)),
    () => {},
  );
}

async function dropSome(log: Log, ledger: Ledger, random: () => number): Promise<void> {
  const from = Math.floor(random() * log.durableOffset);
  const to = from + Math.floor(random() * (log.durableOffset - from));
  if (random() < 0.5) {
    ledger.droppedEnd = Math.max(ledger.droppedEnd, from);
    await log.dropBefore(from).catch(() => {});
  } else {
    ledger.droppedRanges.push({ from, to });
    if (from <= log.firstOffset) ledger.droppedEnd = Math.max(ledger.droppedEnd, to);
    await log.dropRange(from, to).catch(() => {});
  }
}

/** A crash is never damage: who looks at the directory before it is opened is not alarmed. */
export async function expectNoDamage(disk: SimulatedDisk): Promise<void> {
  const found = await inspectLog(DIRECTORY, { fileSystem: disk, findOwner: () => null });
  assert.deepEqual(found.damage, []);
}

export async function openAfterCrash(
  crashed: SimulatedDisk,
  ledger: Ledger,
  random: () => number,
): Promise<{ readonly disk: SimulatedDisk; readonly tornTails: number }> {
  const log = await openSimulated(crashed, random, ledger.confirmedEnd);
  await expectContents(log, ledger);
  const tornTails = log.tornTail === null ? 0 : 1;
  // What an open found is durable, and what it cut off stays cut off, however soon the power goes again.
  const disk = crashed.afterPowerLoss();
  const again = await openSimulated(disk, random, ledger.confirmedEnd);
  assert.equal(again.tornTail, null, "a torn tail was cut off and is there again");
  await expectContents(again, ledger);
  return { disk: disk.afterKill(), tornTails };
}

async function expectContents(log: Log, ledger: Ledger): Promise<void> {
  const { appended } = ledger;
  let next = log.firstOffset;
  for (let offset = 0; offset < next; offset += 1)
    assert(ledger.mayBeGone(offset), `record ${offset} is gone from the front`);
  const onGap = ({ fromOffset, toOffset, reason }: LogGap): void => {
    assert.equal(reason, "dropped");
    for (let offset = fromOffset; offset < toOffset; offset += 1)
      assert(ledger.mayBeGone(offset), `record ${offset} is gone`);
    next = toOffset;
  };
  for await (const { offset, data } of log.records(next, onGap)) {
    assert.equal(offset, next);
    assert.equal(data.toString(), appended[offset], `record ${offset} is not what was appended`);
    next += 1;
  }
  assert.equal(next, log.nextOffset);
  assert(next >= ledger.confirmedEnd, `confirmed to ${ledger.confirmedEnd}, found to ${next}`);
  assert(next <= appended.length);
  ledger.settle(next);
}

export function openSimulated(
  fileSystem: SimulatedDisk,
  random: () => number,
  provenOffset: number,
): Promise<Log> {
  return openLog({
    ...SMALL,
    directory: DIRECTORY,
    fileSystem,
    provenOffset,
    acquireLock: () => ({ release: () => {} }),
    now: () => 0,
    epoch: () => 1 + Math.floor(random() * 1_000_000),
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

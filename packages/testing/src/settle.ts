import type { Broker } from "@waybill/core";
import type { Activity } from "./activity.ts";
import type { BedProcess } from "./bed-process.ts";
import type { FakeClock } from "./fake-clock.ts";
import { describe, type GroupMessage, type Journal } from "./journal.ts";

export interface SettleParts {
  /** The process that lives; a new one when the last has died. */
  readonly living: () => BedProcess;
  /** Kills the process that lives. */
  readonly kill: () => void;
  readonly activity: Activity;
  readonly journal: Journal;
  readonly broker: Pick<Broker, "health">;
  readonly clock: FakeClock;
  /** Whether time moves only by `advance`. */
  readonly fakeTime: boolean;
  readonly patienceMs: number;
}

/** Drives a bed until nothing moves. @throws Error naming what keeps it from that */
export async function settleBed(parts: SettleParts, movesMax: number): Promise<void> {
  const { journal } = parts;
  journal.limit(movesMax, parts.kill);
  for (let first = true; ; first = false) {
    const before = journal.moves;
    const process = await startedProcess(parts);
    process.look(first);
    await quiet(parts);
    if (process.life.dead || journal.moves !== before) continue;
    if (!(await somethingComes(parts, process))) return;
  }
}

/** A process that has started. What its predecessor left in the works ends first. */
async function startedProcess(parts: SettleParts): Promise<BedProcess> {
  await quiet(parts);
  for (;;) {
    const process = parts.living();
    if (process.started) return process;
    process.start();
    await quiet(parts);
    if (process.failure !== null) throw process.failure.error;
    if (!process.started && !process.life.dead) throw new Error("settle: the process does not start");
  }
}

async function quiet({ activity, journal, patienceMs }: SettleParts): Promise<void> {
  await activity.quiet(patienceMs);
  if (!journal.overrun) return;
  const last = journal.lastMoves.join("; ");
  throw new Error(`settle: more than ${journal.movesMax} moves, and no end. The last: ${last}`);
}

/** Nothing moves. Answers whether something is owed that came after all; refuses to call it settled if it does not. */
async function somethingComes(parts: SettleParts, process: BedProcess): Promise<boolean> {
  const { activity, clock, journal } = parts;
  if (process.standsBy !== null) {
    throw new Error(`settle: the relay cannot publish, its lease is taken: ${process.standsBy}`);
  }
  if (activity.isPaused) {
    const next = clock.nextTimerAt();
    if (parts.fakeTime || next === null) return false;
    journal.move("a delivery pauses");
    clock.moveTo(next);
    return true;
  }
  if (owed(journal, process).length === 0) return false;
  if ((await parts.broker.health()).status !== "up") return false;
  if (await activity.changed(parts.patienceMs)) return true;
  const [first, ...others] = owed(journal, process);
  if (first === undefined) return false;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new Error(
    `settle: the broker confirmed ${describe(first.envelope)}, but group ${first.group} never acknowledged it, and it is not delivered again${more}`,
  );
}

function owed(journal: Journal, { groups }: BedProcess): readonly GroupMessage[] {
  return journal.owed.filter(({ group }) => !groups.some((live) => live.group === group && live.paused));
}

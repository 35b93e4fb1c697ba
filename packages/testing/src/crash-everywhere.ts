import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { describeCrashPoint, type CrashPoint } from "./crash-point.ts";
import type { BedMessage } from "./bed-message.ts";
import type { TestBed } from "./test-bed.ts";

/** What a kill at every await is to prove. */
export interface CrashPlan<Bed extends Scene> {
  /** A fresh bed. It is called for every run: where the storage outlives a bed, empty your own tables here. */
  readonly bed: () => Bed | Promise<Bed>;
  /** What happens: usually one transaction that sends. Its own calls never die; it may `settle` and `advance`. */
  readonly scenario: (bed: Bed) => Promise<void>;
  /** The effects that count, as plain data: rows, calls to other systems. They must be the same in every run. */
  readonly effects: (bed: Bed) => unknown;
  /** Leaves out points, where each run is slow. Default none. */
  readonly only?: (point: CrashPoint) => boolean;
}

/** What `crashEverywhere` did. */
export interface CrashReport {
  /** Awaits of storage, transaction and broker that the scenario passes: one run each. */
  readonly points: number;
  /** Runs in which the process died. On a real database a run may pass fewer awaits than the one before. */
  readonly crashes: number;
}

type Scene = Pick<
  TestBed,
  "settle" | "redeliver" | "crashAt" | "crashes" | "crashPoints" | "sent" | "handled" | "stop"
>;

interface Outcome {
  readonly effects: unknown;
  readonly sent: readonly string[];
  readonly handled: readonly string[];
}

interface Run {
  readonly once: Outcome;
  readonly points: readonly CrashPoint[];
  readonly crashed: boolean;
  /** After everything was delivered once more. */
  readonly again: Outcome;
}

/**
 * Proves that a kill at any await changes nothing: runs the scenario without a crash, then once for every await that it
 * passed with a kill there and a new process afterwards, and in every run delivers everything once more at the end.
 * Effects, sent messages and handled messages must be those of the run without a crash.
 *
 * @throws AssertionError naming the await (port, method, count) at which they went wrong, with both as `expected` and
 * `actual`; what the scenario throws when it fails without a crash
 */
export async function crashEverywhere<Bed extends Scene>(plan: CrashPlan<Bed>): Promise<CrashReport> {
  const calm = await run(plan, null);
  compare("Delivering everything once more", calm.again, calm.once);
  const points = calm.points.filter(plan.only ?? (() => true));
  let crashes = 0;
  for (const point of points) {
    const crashed = await runWith(plan, point);
    if (crashed.crashed) crashes += 1;
    const where = `A kill at ${describeCrashPoint(point)},`;
    compare(where, crashed.once, calm.once, point);
    compare(`${where} then delivering everything once more,`, crashed.again, calm.once, point);
  }
  return { points: points.length, crashes };
}

async function runWith<Bed extends Scene>(plan: CrashPlan<Bed>, point: CrashPoint): Promise<Run> {
  try {
    return await run(plan, point);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const message = `A kill at ${describeCrashPoint(point)}, is not recovered from: ${detail}${hint(point)}`;
    throw new AssertionError({ message, actual: cause, operator: "crashEverywhere" });
  }
}

async function run<Bed extends Scene>(plan: CrashPlan<Bed>, point: CrashPoint | null): Promise<Run> {
  const bed = await plan.bed();
  try {
    if (point !== null) bed.crashAt(point, { ifPassed: true });
    await plan.scenario(bed);
    await bed.settle();
    const points = bed.crashPoints;
    const crashed = bed.crashes.length > 0;
    const once = await outcomeOf(plan, bed);
    await bed.redeliver();
    return { once, points, crashed, again: await outcomeOf(plan, bed) };
  } finally {
    await bed.stop();
  }
}

async function outcomeOf<Bed extends Scene>(plan: CrashPlan<Bed>, bed: Bed): Promise<Outcome> {
  return {
    effects: structuredClone(await plan.effects(bed)),
    sent: bed.sent().map(nameOf).sort(),
    handled: bed
      .handled()
      .map((message) => `${message.group}: ${nameOf(message)}`)
      .sort(),
  };
}

function compare(what: string, actual: Outcome, expected: Outcome, point?: CrashPoint): void {
  for (const part of ["effects", "sent", "handled"] as const) {
    if (isDeepStrictEqual(actual[part], expected[part])) continue;
    throw new AssertionError({
      message: `${what} changes what was ${SAID[part]}: ${show(actual[part])} instead of ${show(expected[part])}${hint(point)}`,
      actual: actual[part],
      expected: expected[part],
      operator: "crashEverywhere",
    });
  }
}

const SAID = { effects: "effected", sent: "sent", handled: "handled" } as const;

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function hint(point: CrashPoint | undefined): string {
  return point === undefined ? "" : `. Alone: bed.crashAt("${point}")`;
}

/** Ids differ from run to run; topic, key and payload do not. */
function nameOf({ topic, key, payload }: BedMessage): string {
  return `${topic} ${key ?? ""} ${show(payload)}`;
}

import type { Knex } from "knex";
import type { Sabotage } from "./flags.ts";
import type { KillSchedule } from "./kill-schedule.ts";
import type { Scene } from "./sabotage/saboteur.ts";
import { SABOTEURS } from "./sabotage/saboteurs.ts";
import type { Screen } from "./screen.ts";
import type { WorkerProcess } from "./service-processes.ts";
import { unlessAborted, until } from "./until.ts";

export interface KillWorkersOptions {
  readonly worker: WorkerProcess;
  readonly schedule: KillSchedule;
  /** How many orders were answered so far. */
  readonly answered: () => number;
  /** Tamper during the first kill. */
  readonly sabotage: Sabotage | null;
  readonly knex: Knex;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

const ORDERS_DEADLINE_MS = 600_000;
const SABOTAGE_DEADLINE_MS = 30_000;

/** Kills the worker when the schedule says so, and starts another one at once. Answers how long each takeover took. */
export async function killWorkers(options: KillWorkersOptions): Promise<readonly number[]> {
  const { schedule, answered, signal } = options;
  const takeoversMs: number[] = [];
  for (const [kill, threshold] of schedule.thresholds.entries()) {
    await until(signal, () => answered() >= threshold, {
      deadlineMs: ORDERS_DEADLINE_MS,
      intervalMs: 5,
      describe: `order ${threshold}`,
    });
    takeoversMs.push(await killOnce(options, kill === 0 ? options.sabotage : null));
    schedule.tookOver(kill);
  }
  return takeoversMs;
}

async function killOnce(options: KillWorkersOptions, sabotage: Sabotage | null): Promise<number> {
  const { worker, answered, screen, signal } = options;
  const killed = await killAnd(sabotage, options);
  screen.say(`worker killed (SIGKILL) at ${answered()} orders`);
  if (killed.harm !== null) screen.say(`sabotage while it is dead: ${killed.harm}`);
  worker.restart();
  await unlessAborted(signal, worker.leads());
  const tookMs = performance.now() - killed.atMs;
  screen.say(`a new worker took over after ${(tookMs / 1_000).toFixed(1)} s; orders kept coming meanwhile`);
  return tookMs;
}

async function killAnd(
  sabotage: Sabotage | null,
  { worker, knex, signal }: KillWorkersOptions,
): Promise<{ readonly atMs: number; readonly harm: string | null }> {
  const saboteur = sabotage === null ? null : SABOTEURS[sabotage];
  const scene: Scene = {
    knex,
    brokerDataDir: worker.brokerDataDir,
    until: (describe, condition) => until(signal, condition, { deadlineMs: SABOTAGE_DEADLINE_MS, describe }),
  };
  const held = await saboteur?.prepare(scene);
  try {
    const atMs = performance.now();
    await worker.kill();
    return { atMs, harm: (await saboteur?.tamper(scene)) ?? null };
  } finally {
    await held?.[Symbol.asyncDispose]();
  }
}

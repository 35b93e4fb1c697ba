import type { Knex } from "knex";
import type { Sabotage } from "./flags.ts";
import type { KillSchedule } from "./kill-schedule.ts";
import { newestOutboxId, TAMPER } from "./sabotage/tamper.ts";
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
const TAMPER_DEADLINE_MS = 30_000;

/** Kills the worker when the schedule says so, and starts another one at once. Answers how long each takeover took. */
export async function killWorkers(options: KillWorkersOptions): Promise<readonly number[]> {
  const { worker, schedule, answered, screen, signal } = options;
  const takeoversMs: number[] = [];
  for (const [kill, threshold] of schedule.thresholds.entries()) {
    const sabotage = kill === 0 ? options.sabotage : null;
    await until(signal, () => answered() >= threshold, {
      deadlineMs: ORDERS_DEADLINE_MS,
      intervalMs: 5,
      describe: `order ${threshold}`,
    });
    if (sabotage !== null) await untilCharged(options);

    const killedAtMs = performance.now();
    await worker.kill();
    screen.say(`worker killed (SIGKILL) at ${answered()} orders`);
    if (sabotage !== null) await tamper(sabotage, options);
    worker.restart();
    await unlessAborted(signal, worker.leads());
    const tookMs = performance.now() - killedAtMs;
    takeoversMs.push(tookMs);
    screen.say(`a new worker took over after ${seconds(tookMs)}; orders kept coming meanwhile`);
    schedule.tookOver(kill);
  }
  return takeoversMs;
}

/** There must be something to tamper with. */
function untilCharged({ knex, signal }: KillWorkersOptions): Promise<void> {
  const charged = async (): Promise<boolean> => (await knex("charges").first()) !== undefined;
  return until(signal, charged, { deadlineMs: TAMPER_DEADLINE_MS, describe: "the first charge" });
}

async function tamper(sabotage: Sabotage, { knex, screen, signal }: KillWorkersOptions): Promise<void> {
  const lastId = await newestOutboxId(knex);
  let done: string | undefined;
  await until(signal, async () => (done = await TAMPER[sabotage](knex, lastId)) !== undefined, {
    deadlineMs: TAMPER_DEADLINE_MS,
    describe: `something to tamper with (${sabotage})`,
  });
  screen.say(`sabotage while the worker is dead: ${done}`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

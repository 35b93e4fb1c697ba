import { unlessAborted, until } from "../until.ts";
import { killBroker } from "./kill-broker.ts";
import type { KillScene } from "./kill-scene.ts";
import type { KillSchedule } from "./kill-schedule.ts";
import { killWorker } from "./kill-worker.ts";
import type { Victim } from "./victims.ts";

/** How long the recovery from each kill took. */
export interface KillTimes {
  /** Until another worker published. */
  readonly takeoversMs: readonly number[];
  /** Until messages flowed through the broker again. */
  readonly outagesMs: readonly number[];
}

const ORDERS_DEADLINE_MS = 600_000;

/** Kills each victim when the schedule says so, and sees to it that it comes back. */
export async function runKills(
  victims: readonly Victim[],
  schedule: KillSchedule,
  scene: KillScene,
): Promise<KillTimes> {
  const takeoversMs: number[] = [];
  const outagesMs: number[] = [];
  const allReady = (): Promise<void> => unlessAborted(scene.signal, scene.workers.ready());
  for (const [kill, victim] of victims.entries()) {
    const threshold = schedule.thresholds[kill] ?? 0;
    await until(scene.signal, () => scene.answered() >= threshold, {
      deadlineMs: ORDERS_DEADLINE_MS,
      intervalMs: 5,
      describe: `order ${threshold}`,
    });
    await allReady();
    if (victim === "broker") outagesMs.push(await killBroker(scene));
    else takeoversMs.push(await killWorker(scene, kill === 0 ? scene.options.sabotage : null));
    schedule.recovered(kill);
  }
  await allReady();
  return { takeoversMs, outagesMs };
}

import { BROKER_NAMES } from "../broker/broker-kinds.ts";
import { countUnsettled } from "../settle.ts";
import { until } from "../until.ts";
import type { KillScene } from "./kill-scene.ts";

const FLOW_DEADLINE_MS = 60_000;

/**
 * Kills the broker's server and starts it again with the same data. Answers how long it took until messages flowed
 * again; the workers are left alone and have to find it by themselves.
 */
export async function killBroker(scene: KillScene): Promise<number> {
  const { broker, workers, knex, answered, screen, signal } = scene;
  const name = BROKER_NAMES[scene.options.broker];
  if (broker.server === null) throw new Error(`${name} has no server that could be killed`);
  const atMs = performance.now();
  await broker.server.kill();
  screen.say(`${name} killed (SIGKILL) at ${answered()} orders`);
  const before = workers.published();
  await broker.server.start(); // To its end, also when the demo is interrupted: half a start cannot be cleaned up.
  signal.throwIfAborted();
  screen.say(`${name} is back after ${seconds(performance.now() - atMs)}`);
  const flows = async (): Promise<boolean> =>
    workers.published() > before || (await countUnsettled(knex)) === 0;
  await until(signal, flows, { deadlineMs: FLOW_DEADLINE_MS, describe: `messages to flow through ${name}` });
  const tookMs = performance.now() - atMs;
  screen.say(`messages flow again after ${seconds(tookMs)}; orders kept coming meanwhile`);
  return tookMs;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

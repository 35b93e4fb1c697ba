import type { Sabotage } from "../flags.ts";
import type { Scene } from "../sabotage/saboteur.ts";
import { SABOTEURS } from "../sabotage/saboteurs.ts";
import { until } from "../until.ts";
import type { KillScene } from "./kill-scene.ts";

const SABOTAGE_DEADLINE_MS = 30_000;

/**
 * Kills the worker that publishes, and starts another one at once. Answers how long it took until that one, or one
 * that was there already, published in its place.
 */
export async function killWorker(scene: KillScene, sabotage: Sabotage | null): Promise<number> {
  const { workers, answered, screen, signal } = scene;
  const killed = await killAnd(sabotage, scene);
  screen.say(`worker killed (SIGKILL) at ${answered()} orders`);
  if (killed.harm !== null) screen.say(`sabotage while it is dead: ${killed.harm}`);
  workers.add();
  await workers.leads(signal);
  const tookMs = performance.now() - killed.atMs;
  const successor = workers.count === 1 ? "a new worker" : "the other worker";
  screen.say(`${successor} took over after ${(tookMs / 1_000).toFixed(1)} s; orders kept coming meanwhile`);
  return tookMs;
}

async function killAnd(
  sabotage: Sabotage | null,
  { workers, knex, brokerDataDir, signal }: KillScene,
): Promise<{ readonly atMs: number; readonly harm: string | null }> {
  const saboteur = sabotage === null ? null : SABOTEURS[sabotage];
  const scene: Scene = {
    knex,
    brokerDataDir,
    until: (describe, condition) => until(signal, condition, { deadlineMs: SABOTAGE_DEADLINE_MS, describe }),
  };
  const held = await saboteur?.prepare(scene);
  try {
    const atMs = performance.now();
    await workers.killLeader();
    return { atMs, harm: (await saboteur?.tamper(scene)) ?? null };
  } finally {
    await held?.[Symbol.asyncDispose]();
  }
}

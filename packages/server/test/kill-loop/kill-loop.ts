import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "@waybill/services";
import { startWaybill } from "../support/broker-target.ts";
import { newQueue, newStream, reportOf, type KillLoopReport } from "./ledger.ts";
import { drain, startLoad } from "./load.ts";

export interface KillLoopOptions {
  readonly cycles: number;
  readonly seed: number;
  /** Told after every kill. */
  readonly onKill?: (report: KillLoopReport) => void;
}

const LIFE_MS_MAX = 500;
const DRAIN_DEADLINE_MS = 60_000;
const KIB = 1024;
/** Small, so that kills also meet new segments and checkpoints. */
const engine = { segmentBytes: 512 * KIB, fillAheadBytes: 64 * KIB, checkpointBytes: 256 * KIB };

/**
 * Kills the server by SIGKILL again and again while three publishers with confirms fill four queues (one stream goes to two
 * of them) and consumers empty them. In the end everything is drained, and the report says what was lost.
 */
export async function runKillLoop({
  cycles,
  seed,
  onKill,
}: KillLoopOptions): Promise<KillLoopReport & { readonly isDrained: boolean }> {
  const chance = seededRandom(seed);
  const [first, second, both] = [newStream("first"), newStream("second"), newStream("both")];
  const queues = [
    newQueue("q-first", first),
    newQueue("q-second", second),
    newQueue("q-both-1", both),
    newQueue("q-both-2", both),
  ];
  await using broker = await startWaybill({ engine });
  for (let kills = 0; kills < cycles; kills += 1) {
    if (kills > 0) await broker.start();
    const load = await startLoad(broker.url, queues);
    await load.confirmedEach();
    await delay(chance() * LIFE_MS_MAX);
    await broker.kill();
    await load.close();
    onKill?.(reportOf(kills + 1, queues));
  }
  await broker.start();
  const isDrained = await drain(broker.url, queues, DRAIN_DEADLINE_MS);
  return { ...reportOf(cycles, queues), isDrained };
}

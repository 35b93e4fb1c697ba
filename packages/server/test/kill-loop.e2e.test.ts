import { expect, test } from "vitest";
import { runKillLoop } from "./kill-loop/kill-loop.ts";

const CYCLES = 20;

test(`a server that is killed ${CYCLES} times under load loses nothing confirmed and keeps the order of queues`, async () => {
  const seed = Number(process.env["WAYBILL_SEED"] ?? Date.now() % 1_000_000);
  const report = await runKillLoop({ cycles: CYCLES, seed });
  expect(report, `repeat with WAYBILL_SEED=${seed}`).toMatchObject({
    kills: CYCLES,
    lost: 0,
    unexpected: 0,
    inversions: 0,
    isDrained: true,
  });
  expect(report.confirmed).toBeGreaterThan(CYCLES * 3);
});

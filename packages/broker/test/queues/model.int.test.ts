import * as fc from "fast-check";
import { onTestFinished, test } from "vitest";
import type { Action } from "./model-run.ts";
import { QUEUES, Run } from "./model-run.ts";

/** More for a longer search. */
const RUNS = Number(process.env["WAYBILL_MODEL_RUNS"] ?? 10);
const TIME_LIMIT_MS = RUNS > 10 ? 3_600_000 : 7000;

const queueName = fc.constantFrom(...QUEUES);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      to: fc.uniqueArray(queueName, { minLength: 1, maxLength: 3 }),
      count: fc.integer({ min: 1, max: 40 }),
      persistent: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("get" as const), queue: queueName }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      which: fc.nat(),
      how: fc.constantFrom("ack" as const, "drop" as const, "requeue" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("settleAll" as const),
      how: fc.constantFrom("ack" as const, "requeue" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("purge" as const), queue: queueName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("recreate" as const), queue: queueName }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("restart" as const, "crash" as const) }) },
);

test(
  "whatever is published, settled, purged, restarted and killed: nothing lost, nothing invented, order kept",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 50, maxLength: 200, size: "max" }), async (actions) => {
        const run = new Run();
        onTestFinished(() => run.end());
        await run.begin();
        for (const next of actions) {
          await run.step(next);
          run.check();
        }
        await run.finish();
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS },
    );
  },
  TIME_LIMIT_MS + 3000,
);

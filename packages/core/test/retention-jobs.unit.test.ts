import { expect, test } from "vitest";
import { memoryStorage, retentionJobs, type Retention } from "../src/index.ts";

const DAY_MS = 86_400_000;

/** Runs the job on an inbox that has so many old records, and notes what it was asked for. */
async function foldInbox(old: { folds: number; ids: number }, retention?: Retention) {
  const calls: [string, number, number][] = [];
  const left = { fold: old.folds, forget: old.ids };
  const take = (name: "fold" | "forget") => async (olderThanMs: number, limit: number) => {
    calls.push([name, olderThanMs, limit]);
    const count = Math.min(limit, left[name]);
    left[name] -= count;
    return count;
  };
  const { outbox, inbox } = memoryStorage();
  const record = inbox.record.bind(inbox);
  const watched = { ...inbox, record, fold: take("fold"), forget: take("forget") } as typeof inbox;
  const job = retentionJobs({ outbox, inbox: watched }, retention).find(({ name }) => name === "fold-inbox");
  return { detail: await job?.run(), calls, left };
}

test("ids without a position are remembered for 30 days, others are folded after 7, unless told otherwise", async () => {
  const { calls } = await foldInbox({ folds: 0, ids: 0 });
  expect(calls.map(([name, olderThanMs]) => [name, olderThanMs])).toEqual([
    ["fold", 7 * DAY_MS],
    ["forget", 30 * DAY_MS],
  ]);
  const told = await foldInbox({ folds: 0, ids: 0 }, { inboxFoldMs: 1_000, inboxIdsMs: 2_000 });
  expect(told.calls.map(([, olderThanMs]) => olderThanMs)).toEqual([1_000, 2_000]);
});

test("a run works through what is old in bounded steps, and leaves the rest of too much to the next", async () => {
  const some = await foldInbox({ folds: 12_000, ids: 5_000 });
  expect(some.left).toEqual({ fold: 0, forget: 0 });
  expect(some.detail).toBe("12000 inbox records folded, 5000 without a position forgotten");
  expect(some.calls).toHaveLength(5);
  const tooMany = await foldInbox({ folds: 10_000_000, ids: 1 });
  expect(tooMany.calls.every(([, , limit]) => limit <= 5_000)).toBe(true);
  expect(tooMany.calls.length).toBeLessThanOrEqual(200);
  expect(tooMany.left).toMatchObject({ forget: 0 });
});

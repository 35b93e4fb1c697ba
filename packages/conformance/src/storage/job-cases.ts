import { expect, test } from "vitest";
import type { StorageSuite } from "./storage-bed.ts";
import { later } from "./storage-bed.ts";

const LONG_MS = 3_600_000;
const SHORT_MS = 60;
const job = { name: "purge", schedule: "0 * * * *", owner: "one", leaseMs: LONG_MS, notWithinMs: 0 };
const ok = { name: "purge", owner: "one", outcome: "ok", detail: "2 tables", nextRunInMs: 5_000 } as const;

export function jobCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("one process at a time runs a job; other jobs run beside it", async () => {
    const { jobs } = (await open()).storage;
    expect(await jobs.begin(job)).toBe(true);
    expect(await jobs.begin({ ...job, owner: "two" })).toBe(false);
    expect(await jobs.begin({ ...job, name: "fold", owner: "two" })).toBe(true);
    await jobs.finish(ok);
    expect(await jobs.begin({ ...job, owner: "two" })).toBe(true);
  });

  test("of many that ask at once, one runs the job", async () => {
    const { jobs } = (await open()).storage;
    const owners = Array.from({ length: 6 }, (_, index) => `process-${index}`);
    const answers = await Promise.all(owners.map((owner) => jobs.begin({ ...job, owner })));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  test("a job whose process died is taken over when its lease has passed", async () => {
    const bed = await open();
    const { jobs } = bed.storage;
    expect(await jobs.begin({ ...job, leaseMs: SHORT_MS })).toBe(true);
    await later(bed, SHORT_MS, "the job's lease to pass", () => jobs.begin({ ...job, owner: "two" }));
    await jobs.finish(ok);
    expect(await jobs.list()).toMatchObject([{ runningOn: "two", lastOutcome: null }]);
    await jobs.finish({ ...ok, owner: "two", outcome: "failed", detail: "no disk" });
    expect(await jobs.list()).toMatchObject([
      { runningOn: null, lastOutcome: "failed", lastDetail: "no disk" },
    ]);
  });

  test("a job that another process ran a moment ago is not run again", async () => {
    const { jobs } = (await open()).storage;
    await jobs.begin(job);
    await jobs.finish(ok);
    expect(await jobs.begin({ ...job, owner: "two", notWithinMs: LONG_MS })).toBe(false);
    expect(await jobs.begin({ ...job, owner: "two", notWithinMs: 0 })).toBe(true);
  });

  test("the list tells who runs what, how the last run fared and when the next is due", async () => {
    const { jobs } = (await open()).storage;
    expect(await jobs.list()).toEqual([]);
    await jobs.begin(job);
    const [running] = await jobs.list();
    expect(running).toEqual({
      name: "purge",
      schedule: "0 * * * *",
      runningOn: "one",
      lastStartedAt: expect.any(Number) as unknown,
      lastFinishedAt: null,
      lastOutcome: null,
      lastDetail: null,
      nextRunAt: null,
    });
    await jobs.finish(ok);
    const [finished] = await jobs.list();
    expect(finished).toMatchObject({ runningOn: null, lastOutcome: "ok", lastDetail: "2 tables" });
    expect(finished?.lastStartedAt).toBe(running?.lastStartedAt);
    expect((finished?.nextRunAt ?? 0) - (finished?.lastFinishedAt ?? 0)).toBe(5_000);
  });
}

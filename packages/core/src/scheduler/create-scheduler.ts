import { describeError, toError } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import type { Cron, CronTask } from "../ports/cron.ts";
import type { EventListener } from "../ports/events.ts";
import type { JobStore } from "../ports/job-store.ts";
import type { Random } from "../ports/random.ts";
import { nodeCron } from "../system/node-cron.ts";
import { processName } from "../system/process-name.ts";
import { systemRandom } from "../system/system-random.ts";

/** Something that is done again and again, by one process at a time. */
export interface Job {
  readonly name: string;
  /** A cron expression of five fields, or of six with seconds first. */
  readonly schedule: string;
  /** A process that runs the job and says nothing for so long is taken for dead. Milliseconds. */
  readonly leaseMs: number;
  /** Whether this process can run it now at all. Default always. */
  readonly eligible?: () => boolean;
  /** Does the work. Resolves with what was done, for the job's record. */
  readonly run: () => Promise<string>;
}

/** Runs jobs on their schedules: one runner per job over all processes, last outcome and next run in the database. */
export interface Scheduler {
  /** @throws WaybillError `OPTIONS_INVALID` when a schedule is no cron expression */
  start(): void;
  /** No further run starts. Resolves when the running ones are done. */
  stop(): Promise<void>;
}

export interface SchedulerParts {
  readonly store: JobStore;
  readonly jobs: readonly Job[];
  readonly cron?: Cron;
  /** Names this process in the jobs' records. */
  readonly owner?: string;
  readonly random?: Random;
  readonly onEvent?: EventListener;
}

/** Makes a scheduler. Nothing runs until `start`. */
export function createScheduler(parts: SchedulerParts): Scheduler {
  const { store, jobs, cron = nodeCron, random = systemRandom, onEvent = () => undefined } = parts;
  const owner = parts.owner ?? processName(random);
  const tasks: CronTask[] = [];
  const running = new Set<Promise<void>>();
  let stopped = false;

  async function tick(job: Job, task: CronTask): Promise<void> {
    if (stopped || job.eligible?.() === false) return;
    const { name, schedule, leaseMs } = job;
    try {
      const notWithinMs = Math.floor(task.nextRunInMs() / 2);
      if (!(await store.begin({ name, schedule, owner, leaseMs, notWithinMs }))) return;
      const { outcome, detail } = await outcomeOf(job);
      await store.finish({ name, owner, outcome, detail, nextRunInMs: task.nextRunInMs() });
      if (outcome === "ok") onEvent({ type: "job.finished", level: "debug", job: name, detail });
    } catch (error) {
      onEvent({ type: "job.failed", level: "warn", job: name, error: toError(error) });
    }
  }

  async function outcomeOf(job: Job): Promise<{ outcome: "ok" | "failed"; detail: string }> {
    try {
      return { outcome: "ok", detail: await job.run() };
    } catch (error) {
      onEvent({ type: "job.failed", level: "warn", job: job.name, error: toError(error) });
      return { outcome: "failed", detail: describeError(error) };
    }
  }

  function startOne(job: Job): CronTask {
    try {
      const task: CronTask = cron.schedule(job.schedule, async () => {
        const run = tick(job, task);
        running.add(run);
        await run.finally(() => running.delete(run));
      });
      return task;
    } catch (cause) {
      throw new WaybillError("OPTIONS_INVALID", `Job ${job.name}: "${job.schedule}" is no cron expression.`, {
        cause,
      });
    }
  }

  return {
    start() {
      if (tasks.length > 0 || stopped) return;
      for (const job of jobs) tasks.push(startOne(job));
    },
    async stop() {
      stopped = true;
      for (const task of tasks) task.stop();
      await Promise.all(running);
    },
  };
}

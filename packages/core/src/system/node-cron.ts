import { createTask } from "node-cron";
import type { Cron } from "../ports/cron.ts";

const nothing = (): void => undefined;

/** node-cron warns of every tick that falls into a running one, on the console. That is what we want of it. */
const quiet = { debug: nothing, info: nothing, warn: nothing, error: console.error };

/** Schedules kept by node-cron. */
export const nodeCron: Cron = {
  schedule(expression, action) {
    const task = createTask(expression, action, { noOverlap: true, logger: quiet });
    void task.start();
    return {
      nextRunInMs: () => Math.max(0, (task.getNextRun()?.getTime() ?? Date.now()) - Date.now()),
      stop: () => void task.destroy(),
    };
  },
};

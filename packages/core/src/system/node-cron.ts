import { createTask } from "node-cron";
import type { Cron } from "../ports/cron.ts";

/** Schedules kept by node-cron. */
export const nodeCron: Cron = {
  schedule(expression, action) {
    const task = createTask(expression, action, { noOverlap: true });
    void task.start();
    return {
      nextRunInMs: () => Math.max(0, (task.getNextRun()?.getTime() ?? Date.now()) - Date.now()),
      stop: () => void task.destroy(),
    };
  },
};

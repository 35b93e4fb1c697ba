import { systemClock } from "../../src/index.ts";

/** Waits until `holds` answers true, looking every few milliseconds; fails with `what` after `deadlineMs`. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = 5_000,
): Promise<void> {
  const end = systemClock.monotonicMs() + deadlineMs;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await systemClock.sleep(2);
  }
}

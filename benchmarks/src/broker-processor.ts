import { readFileSync } from "node:fs";

/** `USER_HZ`, which Linux has fixed for what it tells programs. */
const MS_PER_TICK = 10;
/** Of the fields behind the name of the program: user and system time. */
const USER_AT = 11;

/** Processor time that each of these processes has used, all its threads together. */
export type ProcessorTimes = ReadonlyMap<number, number>;

/** Those that have ended are left out: a server may start small helpers of its own. */
export function processorTimes(pids: readonly number[]): ProcessorTimes {
  const times = new Map<number, number>();
  for (const pid of pids) {
    const ms = processorMs(pid);
    if (ms !== null) times.set(pid, ms);
  }
  return times;
}

/** What the processes that are in both have used between them. Milliseconds. */
export function usedBetween(before: ProcessorTimes, after: ProcessorTimes): number {
  let ms = 0;
  for (const [pid, at] of after) ms += at - (before.get(pid) ?? at);
  return ms;
}

function processorMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[USER_AT]) + Number(fields[USER_AT + 1])) * MS_PER_TICK;
  } catch {
    return null;
  }
}

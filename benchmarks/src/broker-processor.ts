import { readFileSync } from "node:fs";

/** `USER_HZ`, which Linux has fixed for what it tells programs. */
const MS_PER_TICK = 10;
/** Of the fields behind the name of the program: user and system time. */
const USER_AT = 11;

/** Processor time that these processes have used, all their threads together. */
export function processorMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[USER_AT]) + Number(fields[USER_AT + 1]);
  }
  return ticks * MS_PER_TICK;
}

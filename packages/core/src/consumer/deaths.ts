import { WaybillError } from "../errors/waybill-error.ts";
import { revivedError } from "../errors/recorded-error.ts";
import type { Work } from "./application.ts";

/**
 * Work whose handler was started `starts` times, this time included, each of the others without an end: after
 * `startsMax` it is given up instead. Its compensation is code of the same people and may kill the process as well, so
 * that has `startsMax` starts too; then the message dies without it.
 */
export function afterStarts(work: Work, starts: number, startsMax: number, group: string): Work {
  if (starts <= startsMax) return work;
  const deaths = starts - 1;
  const compensating = work.parked?.stage === "compensate";
  const tried = compensating ? "its compensation" : "it";
  const message =
    `The process died ${deaths} times while group ${group} handled the ${work.envelope.topic}, ` +
    `or was stopped from outside each time; ${tried} is not started again.`;
  const before = work.parked?.error;
  const cause = before === null || before === undefined ? undefined : revivedError(before);
  return {
    ...work,
    failed: work.failed + deaths,
    decision: {
      kind: "give-up",
      reason: "PROCESS_DIED",
      error: new WaybillError("PROCESS_DIED", message, { cause }),
      uncompensated: compensating || starts > 2 * startsMax,
    },
  };
}

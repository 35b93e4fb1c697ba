import { spawnTs, waitFor } from "@waybill/services";
import type { Seeded } from "../seeded.ts";
import { beginConfirmed, checkNumberedLog, confirmedEnd } from "./check-numbered-log.ts";

const APPENDER = new URL("append-process.ts", import.meta.url);
/** A kill comes when so many more records, at most, were confirmed. */
const RECORDS_MAX = 3_000;
/** Read again each time, before what is new. */
const READ_AGAIN = 1_000;

export interface KillReport {
  readonly cycles: number;
  readonly confirmed: number;
  /** Found although they were not confirmed: they were on their way. */
  readonly unconfirmed: number;
  readonly tornTails: number;
}

/**
 * Kills a process that appends, `cycles` times with SIGKILL, and reads after each what it left.
 *
 * @throws Error when a confirmed record is missing, or a record is not that of its offset
 */
export async function killLog(
  directory: string,
  options: { readonly cycles: number; readonly chance: Seeded; readonly onCycle?: (cycle: number) => void },
): Promise<KillReport> {
  const { cycles, chance, onCycle } = options;
  await beginConfirmed(directory);
  let report = { confirmed: 0, found: 0, isTorn: false };
  let unconfirmed = 0;
  let tornTails = 0;
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    const enough = report.found + chance.below(RECORDS_MAX);
    await using child = spawnTs(APPENDER, [directory]);
    await child.ready();
    await waitFor(async () => (await confirmedEnd(directory)) > enough, {
      intervalMs: 1,
      deadlineMs: 60_000,
      describe: () => `record ${enough}\n${child.output.join("\n")}`,
    });
    child.kill("SIGKILL");
    await child.exited;
    report = await checkNumberedLog(directory, report.found - READ_AGAIN);
    unconfirmed += report.found - report.confirmed;
    tornTails += report.isTorn ? 1 : 0;
    onCycle?.(cycle);
  }
  return { cycles, confirmed: report.confirmed, unconfirmed, tornTails };
}

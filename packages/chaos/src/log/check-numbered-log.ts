import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openLog } from "@waybill/log";
import { numberedRecord } from "./numbered-record.ts";

/** Must be there before the first process that appends. */
export function beginConfirmed(directory: string): Promise<void> {
  return writeFile(join(directory, "confirmed"), "0\n".padStart(17), { flag: "a" });
}

/** Before this offset, everything was confirmed. */
export async function confirmedEnd(directory: string): Promise<number> {
  return Number((await readFile(join(directory, "confirmed"), "utf8")).trim());
}

export interface NumberedLogReport {
  readonly confirmed: number;
  /** Records in the log, confirmed or not, dropped ones included. */
  readonly found: number;
  readonly isTorn: boolean;
}

/**
 * Opens the log that a process left behind and reads it from `fromOffset` on.
 *
 * @throws Error when a confirmed record is missing, or a record is not that of its offset
 */
export async function checkNumberedLog(directory: string, fromOffset = 0): Promise<NumberedLogReport> {
  const confirmed = await confirmedEnd(directory);
  await using log = await openLog({ directory, provenOffset: confirmed });
  let next = Math.max(fromOffset, log.firstOffset);
  for await (const { offset, data } of log.records(next)) {
    if (offset !== next || !data.equals(numberedRecord(offset)))
      throw new Error(`at ${next} stands record ${offset} with ${data.length} bytes`);
    next += 1;
  }
  if (next < confirmed) throw new Error(`${confirmed} records were confirmed, ${next} are there`);
  return { confirmed, found: next, isTorn: log.tornTail !== null };
}

import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { LogError, openLog } from "@waybill/log";
import { numberedRecords } from "./numbered-record.ts";

/*
 * Appends numbered records to the log in the folder that it is given, until it is killed, a write fails, or the log holds
 * so many records. What is confirmed stands in the file `confirmed` beside the log: a process that is killed takes nothing
 * with it that it has written.
 */
const [directory = "", recordsMax = "Infinity"] = process.argv.slice(2);
const BURSTS = 8;
const RECORDS_PER_APPEND = 5;
const KEPT_RECORDS = 40_000;

const say = (event: string, more: object = {}): void => {
  writeSync(1, `${JSON.stringify({ event, ...more })}\n`);
};

const confirmedFile = openSync(join(directory, "confirmed"), "r+");
let confirmed = 0;

function confirm(end: number): void {
  if (end <= confirmed) return;
  confirmed = end;
  writeSync(confirmedFile, `${end}\n`.padStart(17), 0);
}

async function append(): Promise<void> {
  try {
    await using log = await openLog({
      directory,
      segmentBytes: 1024 * 1024,
      fillAheadBytes: 128 * 1024,
    });
    say("ready", { pid: process.pid, offset: log.nextOffset });
    while (log.nextOffset < Number(recordsMax)) {
      const appends = Array.from({ length: BURSTS }, (_, index) => {
        const appended = log.append(numberedRecords(log.nextOffset, 1 + (index % RECORDS_PER_APPEND)));
        const end = log.nextOffset;
        return appended.then(() => confirm(end));
      });
      const outcomes = await Promise.allSettled(appends);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      await log.dropBefore(log.durableOffset - KEPT_RECORDS);
    }
    say("done", { confirmed });
  } catch (error) {
    const code = error instanceof LogError ? error.code : "other";
    say("failed", { confirmed, code, message: error instanceof Error ? error.message : String(error) });
  }
}

await append();
closeSync(confirmedFile);

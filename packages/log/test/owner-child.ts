import { writeSync } from "node:fs";
import { openLog, recordOf } from "@waybill/log";

/** Opens the log, appends one record, says so, and holds on to the directory until it is killed. */
const log = await openLog({ directory: process.argv[2] ?? "" });
await log.append([recordOf(Buffer.from("from the owner"))]);
writeSync(1, "owning\n");
process.stdin.resume();

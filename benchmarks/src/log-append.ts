import { openLog, recordOf, type Log } from "@waybill/log";
import { temporaryFolder } from "@waybill/services";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const RECORD_BYTES = 1_024;
const WINDOW = 1_024;

/** Records of 1 KB, each confirmed after fdatasync, 1,024 unconfirmed at once, against one at a time. */
export async function logAppend({ rounds, seconds }: Effort): Promise<Figures> {
  const window: number[] = [];
  const one: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using folder = temporaryFolder("waybill-bench");
    await using log = await openLog({ directory: folder.path });
    await appends(log, WINDOW, 0.5);
    window.push(await appends(log, WINDOW, seconds));
    one.push(await appends(log, 1, 1));
  }
  return {
    bench: "log-append",
    value: median(window),
    unit: "records/s",
    ratio: medianRatio(window, one),
    against: "one record and fdatasync at a time",
    rounds: { [`window ${WINDOW}`]: window, "window 1": one },
  };
}

/** Confirmed records per second with `unconfirmed` appends of one record each in flight. */
async function appends(log: Log, unconfirmed: number, seconds: number): Promise<number> {
  const record = [recordOf(Buffer.alloc(RECORD_BYTES, "x"))];
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  let confirmed = 0;
  const producer = async (): Promise<void> => {
    while (performance.now() < end) {
      await log.append(record);
      confirmed += 1;
      if (log.nextOffset % 500_000 === 0) await log.dropBefore(log.durableOffset);
    }
  };
  await Promise.all(Array.from({ length: unconfirmed }, producer));
  return confirmed / ((performance.now() - begun) / 1_000);
}

import { parseArgs } from "node:util";
import { crashWorkload } from "./crash-workload.ts";

const SEEDS_PER_LINE = 1_000;

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "10000" }, first: { type: "string", default: "1" } },
});
const first = Number(values.first);
const seeds = Number(values.seeds);

/** Many seeds of the log on a disk that crashes and fails. The first one that breaks something ends it, and is named. */
const report = { seeds: 0, confirmed: 0, crashes: 0, tornTails: 0 };
for (let seed = first; seed < first + seeds; seed += 1) {
  try {
    const { confirmed, crashes, tornTails } = await crashWorkload(seed);
    report.seeds += 1;
    report.confirmed += confirmed;
    report.crashes += crashes;
    report.tornTails += tornTails;
  } catch (error) {
    console.error(`seed ${seed}: npm run simulate:log -- --first ${seed} --seeds 1\n`, error);
    process.exitCode = 1;
    break;
  }
  if (report.seeds % SEEDS_PER_LINE === 0) console.log(`${report.seeds} seeds`);
}
console.log(JSON.stringify({ simulate: "log", first, ...report }));

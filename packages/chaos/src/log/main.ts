import { parseArgs } from "node:util";
import { temporaryFolder } from "@waybill/services";
import { seeded } from "../seeded.ts";
import { killLog } from "./kill-log.ts";

const { values } = parseArgs({
  options: { cycles: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
});
const [cycles, seed] = [Number(values.cycles), Number(values.seed)];

await using folder = temporaryFolder("waybill-kill-log");
const onCycle = (cycle: number): void => {
  if (cycle % 10 === 0) console.log(`${cycle} kills`);
};
console.log(
  JSON.stringify({
    kill: "log",
    seed,
    ...(await killLog(folder.path, { cycles, chance: seeded(seed), onCycle })),
  }),
);

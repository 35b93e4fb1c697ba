import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { fuzzers } from "./fuzzers.ts";
import { watchProgress } from "./watch-progress.ts";

const INPUTS_PER_LINE = 100_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    first: { type: "string", default: "0" },
  },
});
const name = positionals[0] ?? "";
const create = fuzzers[name];
if (create === undefined) {
  console.error(`usage: npm run fuzz -- ${Object.keys(fuzzers).join("|")} --inputs 1000000 --seed 1`);
  process.exitCode = 2;
} else {
  const target = await create();
  const [inputs, seed, first] = [values.inputs, values.seed, values.first].map(wholeNumber) as [
    number,
    number,
    number,
  ];
  await using watch = watchProgress(name, seed);
  const onProgress = (done: number): void => {
    watch.alive(first + done);
    if (done % INPUTS_PER_LINE === 0 && done > 0) console.log(`${name}: ${done} inputs`);
  };
  try {
    const report = await fuzz(target, { inputs, seed, first, onProgress });
    console.log(JSON.stringify({ fuzz: name, seed, ...report }));
  } catch (error) {
    console.error(`${name} with seed ${seed}:`, error);
    process.exitCode = 1;
  }
  await target.close?.();
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${text} is no whole number from 0`);
  return value;
}

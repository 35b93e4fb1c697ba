import { Command, InvalidArgumentError } from "commander";
import { backlogBroker } from "./backlog-broker.ts";
import { backlog } from "./backlog.ts";
import { broker } from "./broker.ts";
import { consume } from "./consume.ts";
import { latency } from "./latency.ts";
import { logAppend } from "./log-append.ts";
import { outboxWrite } from "./outbox-write.ts";
import { relayDrain } from "./relay-drain.ts";
import { relayKafka } from "./relay-kafka.ts";
import { relayRabbitmq } from "./relay-rabbitmq.ts";
import { printFigures, type Benchmark, type Effort } from "./report.ts";

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  "outbox-write": outboxWrite,
  "relay-drain": relayDrain,
  "relay-rabbitmq": relayRabbitmq,
  "relay-kafka": relayKafka,
  latency,
  "log-append": logAppend,
  backlog,
  "backlog-broker": backlogBroker,
  broker,
  consume,
};

const program = new Command("bench")
  .description(
    "Measures Waybill. Figures of one run may be compared; those of different runs or machines may not.",
  )
  .argument("<name>", `one of ${Object.keys(BENCHMARKS).join(", ")}`)
  .option("--json", "print one JSON object as the last line", false)
  .option("--rounds <n>", "rounds of which the median counts", wholeNumber, 5)
  .option("--seconds <n>", "seconds that one measurement takes", wholeNumber, 3)
  .option("--rows <n>", "rows that wait, for backlog", wholeNumber)
  .action(async (name: string, options: Effort & { readonly json: boolean }) => {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined)
      program.error(`unknown benchmark ${name}: use one of ${Object.keys(BENCHMARKS).join(", ")}`);
    else printFigures(await benchmark(options), options.json);
  });

await program.parseAsync();

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("use a whole number from 1");
  return value;
}

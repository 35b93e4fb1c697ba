// npm run demo: see --help.
import { BROKER_NAMES } from "./broker/broker-kinds.ts";
import { BrokerMissing } from "./broker/demo-broker.ts";
import { HELP, parseFlags, type DemoOptions } from "./flags.ts";
import { isGood, report } from "./report.ts";
import { runDemo } from "./run-demo.ts";
import { Screen } from "./screen.ts";

const EXIT = { good: 0, bad: 1, usage: 2, interrupted: 130 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  switch (flags.kind) {
    case "help":
      process.stdout.write(HELP);
      return EXIT.good;
    case "refused":
      process.stderr.write(`${flags.why}\n\n${HELP}`);
      return EXIT.usage;
    case "run":
      return perform(flags.options);
    default:
      return flags satisfies never;
  }
}

async function perform(options: DemoOptions): Promise<number> {
  const screen = new Screen();
  const interruption = interruptions(screen);
  try {
    const { orders, kills, broker } = options;
    const killed = `${kills} ${kills === 1 ? "kill" : "kills"} of a worker`;
    screen.print(`Waybill demo: ${orders} orders, ${killed}, on ${BROKER_NAMES[broker]}\n`);
    const result = await runDemo(options, screen, interruption);
    screen.print(report(result));
    if (options.json) screen.print(JSON.stringify(result));
    return isGood(result) ? EXIT.good : EXIT.bad;
  } catch (error) {
    screen.endProgress();
    if (interruption.aborted) return EXIT.interrupted;
    console.error(error instanceof BrokerMissing ? error.message : error);
    return EXIT.bad;
  }
}

/** Aborted by Ctrl-C, and when nobody reads any more. Further signals change nothing: cleaning up ends by itself. */
function interruptions(screen: Screen): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (interruption.signal.aborted) return;
      screen.endProgress();
      screen.say(`interrupted (${signal}): cleaning up`);
      interruption.abort(new Error(`interrupted by ${signal}`));
    });
  }
  process.stdout.on("error", (error) => interruption.abort(error));
  return interruption.signal;
}

import { bridge, describeEvent, type Broker, type ReportedEvent } from "@waybill/core";
import { Command, InvalidArgumentError } from "commander";
import { loadConfig } from "../worker/load-config.ts";
import { openBroker } from "../worker/open-broker.ts";
import { parseBrokerConfig } from "../worker/worker-config.ts";

const HELP = `
--from and --to are configurations with nothing but data, as for "waybill worker"; only "broker" is read:

  { "broker": { "native": { "dataDir": "./data" } } }

Stop relays and consumers first, run this until it reads nothing more, then switch them over and start them:
docs/moving-brokers.md. Run it again after a kill or an error; what goes across twice is applied once.

Example:
  waybill bridge --from old.json --to new.json --until-idle 10s --groups inventory=order.placed,order.cancelled billing=order.placed

Prints JSON lines, the report last. Exits with 1 when messages were left behind because the target refused them.`;

interface BridgeCommandOptions {
  readonly from: string;
  readonly to: string;
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly untilIdle?: number;
  readonly prefetch: number;
}

/** `waybill bridge`: moves what waits for groups from one broker to another. */
export function bridgeCommand(): Command {
  return new Command("bridge")
    .description("move what waits at one broker to another, so that a service can change its broker")
    .requiredOption("--from <file>", "the configuration of the broker that is read")
    .requiredOption("--to <file>", "the configuration of the broker that is published to")
    .requiredOption(
      "--groups <group=topic,topic...>",
      "the groups to move, each with all its topics",
      groupOf,
    )
    .option(
      "--until-idle <time>",
      "end when nothing came for so long: 5s, 500ms or 2m (default: until SIGTERM)",
      time,
    )
    .option("--prefetch <count>", "messages of a group on their way at once", count, 1_000)
    .addHelpText("after", HELP)
    .action(run);
}

async function run({ from, to, groups, untilIdle, prefetch }: BridgeCommandOptions): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  await using source = await brokerOf(from);
  await using target = await brokerOf(to);
  const report = await bridge({
    from: source,
    to: target,
    groups,
    prefetch,
    signal: stop.signal,
    onEvent: logLine,
    ...(untilIdle === undefined ? {} : { untilIdleMs: untilIdle }),
  });
  console.log(JSON.stringify({ event: "bridged", ...report }));
  const leftBehind = Object.values(report.groups).some(({ rejected, behind }) => rejected + behind > 0);
  if (leftBehind) process.exitCode = 1;
  process.off("SIGTERM", onSignal);
  process.off("SIGINT", onSignal);
}

async function brokerOf(file: string): Promise<Broker> {
  const { config } = await loadConfig(file);
  return openBroker(file, parseBrokerConfig(file, config), logLine);
}

function logLine(event: ReportedEvent): void {
  console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
}

function groupOf(
  text: string,
  before: Readonly<Record<string, readonly string[]>> = {},
): Record<string, readonly string[]> {
  const [group = "", list = "", ...rest] = text.split("=");
  const topics = list.split(",").filter((topic) => topic !== "");
  if (group === "" || topics.length === 0 || rest.length > 0)
    throw new InvalidArgumentError("Give GROUP=TOPIC,TOPIC.");
  if (group in before) throw new InvalidArgumentError(`Group ${group} is named twice.`);
  return { ...before, [group]: topics };
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function time(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs === undefined) throw new InvalidArgumentError("Give a time such as 5s, 500ms or 2m.");
  return Number(number) * unitMs;
}

function count(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

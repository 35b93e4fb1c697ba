// npm run services -- up | down | status | env [--cluster] [--native]
import { parseArgs } from "node:util";
import { openStack, type Stack } from "./stack.ts";
import { stackFolder } from "./stack-folder.ts";

const usage = `npm run services -- <command> [--cluster] [--native]

  up       starts PostgreSQL, RabbitMQ and Kafka where they are not running, and waits until they serve
  status   shows what runs; exit code 1 if something does not
  env      prints lines for the shell: eval "$(npm run --silent services -- env)"
  down     ends everything that up started, clusters too; the data stays

  --cluster  three RabbitMQ nodes behind HAProxy and three Kafka brokers instead of one each
  --native   up: not by Docker Compose, also where an engine answers
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`${line}\n`);

type OpenStack = (cluster: boolean) => Stack;

const commands: Readonly<Record<string, (open: OpenStack, cluster: boolean) => Promise<boolean>>> = {
  async up(open, cluster) {
    const stack = open(cluster);
    await stack.up();
    say(`data: ${stack.folder}`);
    say(`to use them: eval "$(npm run --silent services -- env${cluster ? " --cluster" : ""})"`);
    return true;
  },
  async down(open) {
    for (const cluster of [false, true]) await open(cluster).down();
    return true;
  },
  async status(open, cluster) {
    const rows = (await open(cluster).status()).flatMap(({ service, parts }) =>
      parts.map((part) => ({ ...part, service })),
    );
    for (const { service, part, isUp, place } of rows) {
      say([service.name.padEnd(9), part.padEnd(18), isUp ? "up  " : "down", place, service.how].join("  "));
    }
    if (rows.length === 0) say("nothing was started here");
    return rows.length > 0 && rows.every(({ isUp }) => isUp);
  },
  async env(open, cluster) {
    const services = await open(cluster).status();
    const up = services.filter(({ parts }) => parts.some(({ isUp }) => isUp));
    for (const { service } of up) {
      for (const [name, value] of Object.entries(service.env)) say(`export ${name}='${value}'`);
    }
    if (up.length === 0) complain("nothing is up: npm run services -- up");
    return up.length > 0;
  },
};

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      options: {
        cluster: { type: "boolean", default: false },
        native: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
      allowPositionals: true,
    });
    const [name = "", ...rest] = positionals;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (values.help) {
      say(usage);
      return 0;
    }
    if (!command || rest.length > 0) {
      complain(usage);
      return 2;
    }
    const { cluster: isCluster, native } = values;
    const open: OpenStack = (cluster) => openStack({ base: stackFolder(), cluster, native, tell: say });
    return (await command(open, isCluster)) ? 0 : 1;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

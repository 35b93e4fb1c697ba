import { Command, InvalidArgumentError } from "commander";
import { loadWorker } from "../worker/load-worker.ts";

const HELP = `
The configuration is a module that exports what createWaybill made, its consumers registered:

  export const waybill = createWaybill({ source: "orders", storage, broker });
  waybill.consumer("inventory").on(OrderPlaced, …);

or only data, for a relay and its jobs apart from the service (.json, or a module that exports "config"):

  { "source": "orders", "database": { "url": "postgres://…" }, "broker": { "native": { "dataDir": "./data" } } }

The broker is "native", or "rabbitmq": { "url": "amqp://…" }, or "kafka": { "brokers": ["host:9092"] }, with the options of
nativeBroker, rabbitmqBroker and kafkaBroker; "native" is in the worker's process with "dataDir", and with "url" the server
that \`waybill broker\` runs. The adapters of RabbitMQ (which that server needs as well) and Kafka are installed apart.

Examples:
  waybill worker --config waybill.config.ts
  waybill worker --config relay.json --no-consumers    (DATABASE_URL is the default of database.url)`;

/** How long the process may live on after everything has stopped. */
const LINGER_MS = 500;

interface WorkerOptions {
  readonly config: string;
  readonly relay: boolean;
  readonly consumers: boolean;
  readonly deadline: number;
}

/** `waybill worker`: relay, jobs and consumers in a process of their own. */
export function workerCommand(): Command {
  return new Command("worker")
    .description("run relay, jobs and consumers until SIGTERM or SIGINT")
    .option("-c, --config <file>", "the configuration", "waybill.config.ts")
    .option("--no-relay", "leave relay and its jobs to another process")
    .option("--no-consumers", "leave the consumers to another process")
    .option("--deadline <ms>", "how long to finish what is in work when told to stop", milliseconds, 10_000)
    .addHelpText("after", HELP)
    .action(work);
}

async function work({ config, relay, consumers, deadline }: WorkerOptions): Promise<void> {
  const { waybill, release } = await loadWorker(config, process.env);
  const stopped = stopSignal();
  try {
    await waybill.start({ relay, consumers });
    console.log(JSON.stringify({ event: "ready", pid: process.pid, relay, consumers }));
    console.log(JSON.stringify({ event: "stopping", signal: await stopped }));
  } finally {
    await waybill.stop({ deadlineMs: deadline });
    await release();
  }
  console.log(JSON.stringify({ event: "stopped" }));
  // A pool of the module's own may keep connections for as long as it likes; there is nothing left to do for them.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}

function milliseconds(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of milliseconds.");
}

import { afterAll, beforeAll } from "vitest";
import { freePort, spawnTs, startRabbitmq, temporaryFolder, type TsProcess } from "@waybill/services";
import type { QueueEngineOptions } from "@waybill/broker/queues";
import type { ServerLimits } from "@waybill/server";

/** A broker of one's own, to be killed. */
export interface BrokerTarget extends AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:PORT` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** SIGKILL; its data stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port with the same data. */
  start(): Promise<void>;
}

export interface WaybillTarget extends BrokerTarget {
  readonly dataDir: string;
  /** That of the last start. */
  readonly process: TsProcess;
}

/** What `broker-process.ts` takes as JSON. */
export interface BrokerProcessOptions {
  readonly limits?: ServerLimits;
  readonly engine?: Omit<QueueEngineOptions, "dataDir">;
}

export interface WaybillTargetOptions extends BrokerProcessOptions {
  readonly host?: string;
  /** Default: a folder of its own, which goes with it. */
  readonly dataDir?: string;
}

const file = new URL("../fixtures/broker-process.ts", import.meta.url);

/** Waybill's server as a process of its own. */
export async function startWaybill(options: WaybillTargetOptions = {}): Promise<WaybillTarget> {
  const { limits, engine, host = "127.0.0.1" } = options;
  const folder = temporaryFolder("waybill-broker");
  const dataDir = options.dataDir ?? folder.path;
  const port = await freePort();
  const args = [dataDir, host, String(port), JSON.stringify({ limits, engine })];
  let child = spawnTs(file, args);
  await child.ready();
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return {
    url: `amqp://guest:guest@${shownHost}:${port}`,
    host,
    port,
    dataDir,
    get process() {
      return child;
    },
    kill: async () => child[Symbol.asyncDispose](),
    async start() {
      child = spawnTs(file, args);
      await child.ready();
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
}

/** A real RabbitMQ, against which the same tests must pass: a check of the tests themselves. */
async function startReal(): Promise<BrokerTarget> {
  const server = await startRabbitmq();
  const { hostname: host, port } = new URL(server.url);
  return {
    url: server.url,
    host,
    port: Number(port),
    kill: () => server.kill(),
    start: () => server.start(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Whether the tests run against RabbitMQ: `WAYBILL_FOREIGN_TARGET=rabbitmq`. */
export const againstRabbitmq = process.env["WAYBILL_FOREIGN_TARGET"] === "rabbitmq";

/** The broker of a test file. Can be read inside hooks and tests of the file, not while it is being loaded. */
export function testBroker(): { readonly broker: BrokerTarget } {
  let target: BrokerTarget | undefined;
  beforeAll(async () => {
    target = await (againstRabbitmq ? startReal() : startWaybill());
  });
  afterAll(() => target?.[Symbol.asyncDispose]());
  return {
    get broker() {
      if (!target) throw new Error("testBroker: read it inside a hook or a test");
      return target;
    },
  };
}

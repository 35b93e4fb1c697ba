import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { keptFolder, type KeptFolder } from "../process/kept-folder.ts";
import type { NodeControl } from "../process/server-node.ts";
import { untilPortsAreFree } from "../process/until-ports-are-free.ts";
import { askManagement, putVhost, withVhost } from "./management-api.ts";
import { whyNoRabbitmq } from "./rabbitmq-binary.ts";
import { epmdNode, managementUrlOf, rabbitmqNode } from "./rabbitmq-node.ts";
import { rabbitmqSpecs, type RabbitmqNodeSpec } from "./rabbitmq-specs.ts";

export interface RabbitmqServer extends NodeControl, AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:PORT`: the default virtual host. */
  readonly url: string;
  /** The HTTP API, with user and password. */
  readonly managementUrl: string;
  readonly version: string;
  readonly nodename: string;
  /** Its data, configuration and logs. */
  readonly folder: string;
  /** The ids of its processes; none when it is down. */
  readonly pids: readonly number[];
  /** The URL of a new, empty virtual host. */
  createVhost(): Promise<string>;
  /** Ends it at once and removes its data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real RabbitMQ server of its own with the management plugin, on free loopback ports. The server and its data are gone
 * after it is disposed, after the end of this process, and also after its SIGKILL; it does not keep it alive.
 */
export function startRabbitmq(): Promise<RabbitmqServer> {
  return untilPortsAreFree(async () => {
    const missing = whyNoRabbitmq({ own: true });
    if (missing !== undefined) throw new Error(missing);
    const kept = keptFolder("waybill-rabbitmq");
    try {
      const [spec] = await rabbitmqSpecs(kept.path, ["waybill@localhost"]);
      if (!spec) throw new Error("no node was made");
      return await startSpec(spec, kept);
    } catch (error) {
      await kept.remove();
      throw error;
    }
  });
}

async function startSpec(spec: RabbitmqNodeSpec, kept: KeptFolder): Promise<RabbitmqServer> {
  const node = rabbitmqNode(spec);
  const epmd = epmdNode(join(spec.home, "epmd"), spec.epmdPort);
  const start = async (): Promise<void> => {
    await epmd.start();
    await node.start();
  };
  await start();
  const managementUrl = managementUrlOf(spec);
  const url = `amqp://guest:guest@127.0.0.1:${spec.port}`;
  return {
    url,
    managementUrl,
    version: await rabbitmqVersion(managementUrl),
    nodename: spec.nodename,
    folder: spec.folder,
    get pids() {
      return [...epmd.pids, ...node.pids];
    },
    start,
    async stop() {
      await node.stop();
      await epmd.kill();
    },
    async kill() {
      await Promise.all([node.kill(), epmd.kill()]);
    },
    pause: () => node.pause(),
    resume: () => node.resume(),
    createVhost: () => createVhost(managementUrl, url),
    [Symbol.asyncDispose]: () => kept.remove(),
  };
}

export async function rabbitmqVersion(managementUrl: string): Promise<string> {
  const overview = await askManagement<{ rabbitmq_version: string }>(managementUrl, "GET", "overview");
  return overview.rabbitmq_version;
}

async function createVhost(managementUrl: string, url: string): Promise<string> {
  const name = `test-${randomBytes(8).toString("hex")}`;
  await putVhost(managementUrl, name);
  return withVhost(url, name);
}

import type { NodeControl } from "../process/server-node.ts";
import { startKept } from "../process/start-kept.ts";
import { makeTestVhost, rabbitmqVersion, withVhost } from "./management-api.ts";
import { whyNoRabbitmq } from "./rabbitmq-binary.ts";
import { rabbitmqGroup } from "./rabbitmq-group.ts";
import { amqpUrlOf, managementUrlOf } from "./rabbitmq-node.ts";
import { rabbitmqSpecs } from "./rabbitmq-specs.ts";

export interface StartRabbitmqOptions {
  /** Text of `rabbitmq.conf`. Ports are not its business. */
  readonly configuration?: string;
  /** Text of `enabled_plugins`, with the management plugin among them. */
  readonly enabledPlugins?: string;
}

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
export function startRabbitmq(options: StartRabbitmqOptions = {}): Promise<RabbitmqServer> {
  return startKept("waybill-rabbitmq", whyNoRabbitmq({ own: true }), async (kept) => {
    const [place] = await rabbitmqSpecs(kept.path, ["waybill@localhost"]);
    if (!place) throw new Error("no node was made");
    const spec = { ...place, ...options };
    const group = rabbitmqGroup([spec]);
    await group.start();
    const managementUrl = managementUrlOf(spec);
    const url = amqpUrlOf(spec.port);
    return {
      url,
      managementUrl,
      version: await rabbitmqVersion(managementUrl),
      nodename: spec.nodename,
      folder: spec.folder,
      get pids() {
        return group.pids;
      },
      start: () => group.start(),
      stop: () => group.stop(),
      kill: () => group.kill(),
      pause: () => group.nodes[0]?.pause(),
      resume: () => group.nodes[0]?.resume(),
      createVhost: async () => withVhost(url, await makeTestVhost(managementUrl)),
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}

import type { NodeControl } from "../process/server-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import { startKept } from "../process/start-kept.ts";
import { makeTestVhost, rabbitmqVersion, withVhost } from "./management-api.ts";
import { whyNoRabbitmq } from "./rabbitmq-binary.ts";
import { rabbitmqGroup } from "./rabbitmq-group.ts";
import { amqpUrlOf, managementUrlOf } from "./rabbitmq-node.ts";
import { rabbitmqSpecs } from "./rabbitmq-specs.ts";
import type { RabbitmqTls } from "./rabbitmq-tls.ts";
import { putRights, putUsers, type RabbitmqRights } from "./rabbitmq-users.ts";

export interface StartRabbitmqOptions {
  /** Text of `rabbitmq.conf`. Ports are not its business. */
  readonly configuration?: string;
  /** Text of `enabled_plugins`, with the management plugin among them. */
  readonly enabledPlugins?: string;
  /** Speaks TLS too, with `CERTIFICATE`. */
  readonly tls?: Omit<RabbitmqTls, "port">;
  /** Passwords of further users by name, who may do nothing before `grant`. */
  readonly users?: Readonly<Record<string, string>>;
}

export interface RabbitmqServer extends NodeControl, AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:PORT`: the default virtual host. */
  readonly url: string;
  /** `amqps://guest:guest@127.0.0.1:PORT`; `null` where TLS was not asked for. */
  readonly tlsUrl: string | null;
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
  /** Gives a user these rights in the virtual host of a URL, in place of others. */
  grant(user: string, vhostUrl: string, rights: RabbitmqRights): Promise<void>;
  /** Ends it at once and removes its data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real RabbitMQ server of its own with the management plugin, on free loopback ports. The server and its data are gone
 * after it is disposed, after the end of this process, and also after its SIGKILL; it does not keep it alive.
 */
export function startRabbitmq({
  tls: wantedTls,
  users = {},
  ...options
}: StartRabbitmqOptions = {}): Promise<RabbitmqServer> {
  return startKept("waybill-rabbitmq", whyNoRabbitmq({ own: true }), async (kept) => {
    const [place] = await rabbitmqSpecs(kept.path, ["waybill@localhost"]);
    if (!place) throw new Error("no node was made");
    const [tlsPort = 0] = wantedTls === undefined ? [] : await servicePorts(1);
    const tls = wantedTls && { tls: { ...wantedTls, port: tlsPort } };
    const spec = { ...place, ...options, ...tls };
    const group = rabbitmqGroup([spec]);
    await group.start();
    const managementUrl = managementUrlOf(spec);
    await putUsers(managementUrl, users);
    const url = amqpUrlOf(spec.port);
    return {
      url,
      tlsUrl: tls === undefined ? null : amqpUrlOf(tlsPort).replace("amqp:", "amqps:"),
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
      grant: (user, vhostUrl, rights) => putRights(managementUrl, user, vhostUrl, rights),
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}

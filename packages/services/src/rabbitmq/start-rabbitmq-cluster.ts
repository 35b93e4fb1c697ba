import { join } from "node:path";
import { whyNoHaproxy } from "../haproxy/haproxy-binary.ts";
import { haproxyNode } from "../haproxy/haproxy-node.ts";
import type { HaproxyConfiguration } from "../haproxy/start-haproxy.ts";
import { controlOf, type NodeControl, type ServerNode } from "../process/server-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import { startKept } from "../process/start-kept.ts";
import { makeTestVhost, rabbitmqVersion, withVhost } from "./management-api.ts";
import { whyNoRabbitmq } from "./rabbitmq-binary.ts";
import { rabbitmqGroup } from "./rabbitmq-group.ts";
import { amqpUrlOf, managementUrlOf } from "./rabbitmq-node.ts";
import { clusterMembers, rabbitmqSpecs, type RabbitmqNodeSpec } from "./rabbitmq-specs.ts";

export interface RabbitmqClusterNode extends NodeControl {
  readonly url: string;
  /** The HTTP API of this node, with user and password. */
  readonly managementUrl: string;
  readonly nodename: string;
  readonly pids: readonly number[];
}

export interface StartRabbitmqClusterOptions {
  /** Makes the text of another `rabbitmq.conf` for the nodes with these names. */
  readonly configuration?: (members: readonly string[]) => string;
  /** Makes the text of another `haproxy.cfg`. */
  readonly proxy?: HaproxyConfiguration;
}

export interface RabbitmqCluster extends AsyncDisposable {
  /** Through HAProxy to the nodes in turn: the default virtual host. */
  readonly proxyUrl: string;
  /** HAProxy itself. */
  readonly proxy: NodeControl;
  readonly nodes: readonly RabbitmqClusterNode[];
  readonly version: string;
  /** A new, empty virtual host: its URL through HAProxy, and at each node. The first node must be up. */
  createVhost(): Promise<{ readonly proxyUrl: string; readonly urls: readonly string[] }>;
  /** Starts the nodes that are down, and HAProxy, and waits until all serve. */
  start(): Promise<void>;
  /** Stops everything in good order. The data stays. */
  stop(): Promise<void>;
  /** Ends everything at once and removes the data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Three real RabbitMQ nodes in one cluster, for quorum queues, with HAProxy before them. On a partition the smaller side
 * pauses. Gone as `startRabbitmq` says.
 */
export function startRabbitmqCluster(options: StartRabbitmqClusterOptions = {}): Promise<RabbitmqCluster> {
  const missing = whyNoRabbitmq({ own: true }) ?? whyNoHaproxy();
  return startKept("waybill-rabbitmq-cluster", missing, async (kept) => {
    const text = options.configuration && { configuration: options.configuration(clusterMembers) };
    const specs = (await rabbitmqSpecs(kept.path, clusterMembers)).map((spec) => ({ ...spec, ...text }));
    const [proxyPort = 0] = await servicePorts(1);
    const backends = specs.map(({ port }) => port);
    const proxy = haproxyNode({
      folder: join(kept.path, "haproxy"),
      port: proxyPort,
      backends,
      check: "amqp",
      ...(options.proxy && { configuration: options.proxy({ port: proxyPort, backends }) }),
    });
    const group = rabbitmqGroup(specs);
    const start = async (): Promise<void> => {
      await group.start();
      await proxy.start();
    };
    await start();
    const proxyUrl = amqpUrlOf(proxyPort);
    const nodes = specs.map((spec, index) => clusterNode(spec, group.nodes[index]));
    const managementUrl = nodes[0]?.managementUrl ?? "";
    return {
      proxyUrl,
      proxy: controlOf(proxy),
      nodes,
      version: await rabbitmqVersion(managementUrl),
      async createVhost() {
        const name = await makeTestVhost(managementUrl);
        return { proxyUrl: withVhost(proxyUrl, name), urls: nodes.map(({ url }) => withVhost(url, name)) };
      },
      start,
      async stop() {
        await proxy.stop();
        await group.stop();
      },
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}

function clusterNode(spec: RabbitmqNodeSpec, node: ServerNode | undefined): RabbitmqClusterNode {
  if (!node) throw new Error(`${spec.nodename} was not made`);
  return {
    url: amqpUrlOf(spec.port),
    managementUrl: managementUrlOf(spec),
    nodename: spec.nodename,
    ...controlOf(node),
    get pids() {
      return node.pids;
    },
  };
}

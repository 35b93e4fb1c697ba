import { join } from "node:path";
import { whyNoHaproxy } from "../haproxy/haproxy-binary.ts";
import { haproxyNode, type HaproxySpec } from "../haproxy/haproxy-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import { whyNoRabbitmq } from "../rabbitmq/rabbitmq-binary.ts";
import { rabbitmqGroup } from "../rabbitmq/rabbitmq-group.ts";
import { amqpUrlOf, managementUrlOf } from "../rabbitmq/rabbitmq-node.ts";
import { clusterMembers, rabbitmqSpecs, type RabbitmqNodeSpec } from "../rabbitmq/rabbitmq-specs.ts";
import type { PartStatus, Service } from "./service.ts";

export interface NativeRabbitmq {
  readonly nodes: readonly RabbitmqNodeSpec[];
  /** Before a cluster. */
  readonly proxy?: HaproxySpec;
}

export async function newNativeRabbitmq(folder: string, cluster: boolean): Promise<NativeRabbitmq> {
  const base = join(folder, "rabbitmq");
  if (!cluster) return { nodes: await rabbitmqSpecs(base, ["waybill@localhost"]) };
  const nodes = await rabbitmqSpecs(base, clusterMembers);
  const [port = 0] = await servicePorts(1);
  const backends = nodes.map((node) => node.port);
  return { nodes, proxy: { folder: join(base, "haproxy"), port, backends, check: "amqp" } };
}

/** Debian's RabbitMQ as a daemon, or three of it behind HAProxy. */
export function nativeRabbitmq({ nodes, proxy: proxySpec }: NativeRabbitmq): Service {
  const group = rabbitmqGroup(nodes);
  const proxy = proxySpec && haproxyNode(proxySpec);
  const [first] = nodes;
  if (!first) throw new Error("RabbitMQ has no node");
  return {
    name: "rabbitmq",
    how: "natively",
    env: {
      RABBITMQ_URL: amqpUrlOf(proxySpec?.port ?? first.port),
      RABBITMQ_MANAGEMENT_URL: managementUrlOf(first),
    },
    async up() {
      const missing = whyNoRabbitmq({ own: true }) ?? (proxy && whyNoHaproxy());
      if (missing !== undefined) throw new Error(missing);
      await group.start();
      await proxy?.start();
    },
    async down() {
      await proxy?.stop();
      await group.stop();
    },
    async status() {
      const parts = nodes.map(async (spec, index): Promise<PartStatus> => {
        const isUp = (await group.nodes[index]?.isUp()) ?? false;
        return { part: spec.nodename, isUp, place: `127.0.0.1:${spec.port}` };
      });
      if (!proxy) return Promise.all(parts);
      const place = `127.0.0.1:${proxySpec.port}`;
      return [...(await Promise.all(parts)), { part: "haproxy", isUp: await proxy.isUp(), place }];
    },
  };
}

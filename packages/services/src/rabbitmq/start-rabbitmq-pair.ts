import { join } from "node:path";
import { whyNoHaproxy } from "../haproxy/haproxy-binary.ts";
import { haproxyNode } from "../haproxy/haproxy-node.ts";
import type { HaproxyConfiguration } from "../haproxy/start-haproxy.ts";
import type { NodeControl } from "../process/server-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import { startKept } from "../process/start-kept.ts";
import { whyNoRabbitmq } from "./rabbitmq-binary.ts";
import { rabbitmqGroup } from "./rabbitmq-group.ts";
import { amqpUrlOf, managementUrlOf } from "./rabbitmq-node.ts";
import { rabbitmqSpecs } from "./rabbitmq-specs.ts";

export interface StartRabbitmqPairOptions {
  /** Text of `rabbitmq.conf`, the same on both. */
  readonly configuration: string;
  readonly proxy: HaproxyConfiguration;
}

/** One of the two. Its `kill` is the end of all its processes. */
export interface RabbitmqMachine extends Pick<NodeControl, "start" | "stop" | "kill"> {
  readonly port: number;
  /** The HTTP API, with user and password. */
  readonly managementUrl: string;
}

export interface RabbitmqPair extends AsyncDisposable {
  /** Through HAProxy to the one that serves. */
  readonly proxyUrl: string;
  /** Serves already. */
  readonly active: RabbitmqMachine;
  /** Not started yet. Its `start` waits for the disk, and resolves when it has taken over. */
  readonly standby: RabbitmqMachine;
  /** Ends everything at once and removes the data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Two machines that can run one and the same RabbitMQ node from a disk that they share, and HAProxy before them. A lock on
 * the disk keeps them from running it at once, and is free as soon as the processes of the one that had it are gone. Gone
 * as `startRabbitmq` says.
 */
export function startRabbitmqPair(options: StartRabbitmqPairOptions): Promise<RabbitmqPair> {
  const missing = whyNoRabbitmq({ own: true }) ?? whyNoHaproxy();
  return startKept("waybill-rabbitmq-pair", missing, async (kept) => {
    const { configuration } = options;
    const machine = async (name: string): Promise<RabbitmqMachine> => {
      const [spec] = await rabbitmqSpecs(join(kept.path, name), ["waybill@localhost"]);
      if (!spec) throw new Error(`${name} has no place`);
      const group = rabbitmqGroup([{ ...spec, disk: join(kept.path, "disk"), configuration }]);
      return {
        port: spec.port,
        managementUrl: managementUrlOf(spec),
        start: () => group.start(),
        stop: () => group.stop(),
        kill: () => group.kill(),
      };
    };
    const active = await machine("active");
    const standby = await machine("standby");
    const [port = 0] = await servicePorts(1);
    const backends = [active.port, standby.port];
    const text = options.proxy({ port, backends });
    const folder = join(kept.path, "haproxy");
    const proxy = haproxyNode({ folder, port, backends, check: "amqp", configuration: text });
    await active.start();
    await proxy.start();
    return { proxyUrl: amqpUrlOf(port), active, standby, [Symbol.asyncDispose]: () => kept.remove() };
  });
}

import { join } from "node:path";
import type { ServerNode } from "../process/server-node.ts";
import { epmdNode, rabbitmqNode } from "./rabbitmq-node.ts";
import type { RabbitmqNodeSpec } from "./rabbitmq-specs.ts";

/** The nodes of one cluster, or a single one, together with the process in which they find each other. */
export interface RabbitmqGroup {
  readonly nodes: readonly ServerNode[];
  readonly pids: readonly number[];
  /** Starts those that are down and waits until all serve. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export function rabbitmqGroup(specs: readonly RabbitmqNodeSpec[]): RabbitmqGroup {
  const [first] = specs;
  if (!first) throw new Error("a group has at least one node");
  const epmd = epmdNode(join(first.home, "epmd"), first.epmdPort);
  const nodes = specs.map(rabbitmqNode);
  return {
    nodes,
    get pids() {
      return [epmd, ...nodes].flatMap((node) => node.pids);
    },
    async start() {
      await epmd.start();
      await Promise.all(nodes.map((node) => node.start()));
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      await epmd.kill();
    },
    async kill() {
      await Promise.all([epmd, ...nodes].map((node) => node.kill()));
    },
  };
}

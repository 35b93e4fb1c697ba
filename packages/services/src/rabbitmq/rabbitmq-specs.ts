import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { servicePorts } from "../process/service-ports.ts";
import type { RabbitmqTls } from "./rabbitmq-tls.ts";

/** Everything that makes a node what it is: with the same again, it is the same node. */
export interface RabbitmqNodeSpec {
  readonly nodename: string;
  readonly folder: string;
  /** Folder with the cookie that all nodes of a cluster share. */
  readonly home: string;
  readonly epmdPort: number;
  readonly port: number;
  readonly managementPort: number;
  readonly distributionPort: number;
  /** The node names of the cluster, this one among them. */
  readonly members: readonly string[];
  /** Text of its `rabbitmq.conf`, to which the port of the HTTP API is added. Default: how its members find each other. */
  readonly configuration?: string;
  /** Text of its `enabled_plugins`; the management plugin must be among them. Default: that alone. */
  readonly enabledPlugins?: string;
  /** Speaks TLS too, on a port of its own. */
  readonly tls?: RabbitmqTls;
  /** Folder with the data that another machine can take over. The node waits until it alone has it. */
  readonly disk?: string;
}

export const clusterMembers = ["waybill1@localhost", "waybill2@localhost", "waybill3@localhost"];

/** Nodes of one cluster in `folder`, on free ports, and their common cookie. */
export async function rabbitmqSpecs(folder: string, members: readonly string[]): Promise<RabbitmqNodeSpec[]> {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const cookie = join(home, ".erlang.cookie");
  rmSync(cookie, { force: true }); // One that is there cannot be written.
  writeFileSync(cookie, randomBytes(20).toString("hex"), { mode: 0o400 });
  const ports = await servicePorts(1 + 3 * members.length);
  const nextPort = (): number => ports.pop() ?? 0;
  const epmdPort = nextPort();
  return members.map((nodename) => ({
    nodename,
    folder: join(folder, nodename.split("@")[0] ?? nodename),
    home,
    epmdPort,
    port: nextPort(),
    managementPort: nextPort(),
    distributionPort: nextPort(),
    members,
  }));
}

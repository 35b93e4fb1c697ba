import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acceptsConnections } from "../process/accepts-connections.ts";
import { findProgram } from "../process/find-program.ts";
import { ServerNode } from "../process/server-node.ts";
import { askManagement } from "./management-api.ts";
import { rabbitmqServer } from "./rabbitmq-binary.ts";
import type { RabbitmqNodeSpec } from "./rabbitmq-specs.ts";
import { tlsLines } from "./rabbitmq-tls.ts";

/** Where Erlang nodes find each other: one for each cluster, on a port of its own. */
export function epmdNode(folder: string, port: number): ServerNode {
  return new ServerNode({
    name: "epmd",
    folder,
    command: findProgram("epmd") ?? "epmd",
    args: ["-port", String(port), "-address", "127.0.0.1"],
    isReady: () => acceptsConnections(port),
  });
}

/** A RabbitMQ node; its cookie and its epmd must be there when it starts. */
export function rabbitmqNode(spec: RabbitmqNodeSpec): ServerNode {
  const { folder } = spec;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "rabbitmq.conf"), configuration(spec));
  writeFileSync(join(folder, "enabled_plugins"), spec.enabledPlugins ?? "[rabbitmq_management].\n");
  return new ServerNode({
    name: `RabbitMQ ${spec.nodename}`,
    folder,
    ...startOf(spec),
    env: {
      HOME: spec.home,
      ERL_EPMD_PORT: String(spec.epmdPort),
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_NODENAME: spec.nodename,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(spec.port),
      RABBITMQ_DIST_PORT: String(spec.distributionPort),
      RABBITMQ_MNESIA_BASE: spec.disk ?? join(folder, "data"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_LOGS: "-", // To its output.
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
      // Schedulers that find no work sleep at once: on a machine with few cores their busy waiting is felt.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
    },
    isReady: () => servesInCluster(spec),
    readyDeadlineMs: 120_000,
  });
}

/** The lock on a disk lasts until the last process of the node is gone, however it ended. */
function startOf({ disk }: RabbitmqNodeSpec): { command: string; args: string[] } {
  if (disk === undefined) return { command: rabbitmqServer, args: [] };
  mkdirSync(disk, { recursive: true, mode: 0o700 });
  return { command: "flock", args: ["--exclusive", join(disk, "lock"), rabbitmqServer] };
}

export function amqpUrlOf(port: number): string {
  return `amqp://guest:guest@127.0.0.1:${port}`;
}

export function managementUrlOf({ managementPort }: RabbitmqNodeSpec): string {
  return `http://guest:guest@127.0.0.1:${managementPort}`;
}

async function servesInCluster(spec: RabbitmqNodeSpec): Promise<boolean> {
  const url = managementUrlOf(spec);
  const nodes = await askManagement<{ name: string }[]>(url, "GET", "nodes");
  if (nodes.length < spec.members.length) return false;
  const ports = spec.tls === undefined ? [spec.port] : [spec.port, spec.tls.port];
  for (const port of ports) await askManagement(url, "GET", `health/checks/port-listener/${port}`);
  return true;
}

function configuration(spec: RabbitmqNodeSpec): string {
  const management = [
    ["management.tcp.ip", "127.0.0.1"],
    ["management.tcp.port", String(spec.managementPort)],
  ];
  const tls = spec.tls === undefined ? [] : tlsLines(spec.folder, spec.tls);
  return `${spec.configuration ?? textOf(clusterLines(spec))}\n${textOf([...management, ...tls])}`;
}

function clusterLines(spec: RabbitmqNodeSpec): string[][] {
  if (spec.members.length < 2) return [];
  const members = spec.members.map((name, index) => [
    `cluster_formation.classic_config.nodes.${index + 1}`,
    name,
  ]);
  return [
    ["cluster_formation.peer_discovery_backend", "classic_config"],
    ...members,
    ["cluster_partition_handling", "pause_minority"],
    ["net_ticktime", "10"],
  ];
}

function textOf(lines: readonly string[][]): string {
  return lines.map(([name, value]) => `${name} = ${value}\n`).join("");
}

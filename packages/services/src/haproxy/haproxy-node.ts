import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acceptsConnections } from "../process/accepts-connections.ts";
import { ServerNode } from "../process/server-node.ts";
import { haproxyProgram } from "./haproxy-binary.ts";

export interface HaproxySpec {
  readonly folder: string;
  readonly port: number;
  /** Ports of the loopback interface, taken in turn. */
  readonly backends: readonly number[];
  /** What a backend has to do to count as alive: take a connection, or greet as AMQP. */
  readonly check: "tcp" | "amqp";
  /** Text of the whole `haproxy.cfg`, which has to listen on the port. Default: one made of the above. */
  readonly configuration?: string;
}

/** A client of AMQP 0-9-1 says its protocol, and the server answers with a method frame. */
const amqpGreeting = [
  "tcp-check connect",
  "tcp-check send-binary 414d515000000901",
  "tcp-check expect binary 01",
];

/** A proxy that notices a backend which is down, or hangs, in about a second and then closes its connections. */
export function haproxyNode(spec: HaproxySpec): ServerNode {
  const { folder, port } = spec;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, spec.configuration ?? configuration(spec));
  return new ServerNode({
    name: "HAProxy",
    folder,
    command: haproxyProgram() ?? "haproxy",
    args: ["-db", "-f", file],
    isReady: () => acceptsConnections(port),
  });
}

function configuration({ port, backends, check }: HaproxySpec): string {
  const servers = backends.map((backend, index) => `server node${index + 1} 127.0.0.1:${backend}`);
  const sections = {
    global: ["log stdout format raw local0 notice", "maxconn 2000"],
    defaults: [
      "mode tcp",
      "log global",
      "option redispatch 1", // A new connection goes to the next backend at once, before the checks have noticed.
      "retries 3",
      "timeout connect 2s",
      "timeout client 1h",
      "timeout server 1h",
    ],
    "listen proxy": [
      `bind 127.0.0.1:${port}`,
      "balance roundrobin",
      "option tcp-check",
      ...(check === "amqp" ? amqpGreeting : ["tcp-check connect"]),
      "default-server check inter 500 fastinter 200 fall 2 rise 2 on-marked-down shutdown-sessions",
      ...servers,
    ],
  };
  return Object.entries(sections)
    .map(([name, lines]) => `${[name, ...lines].join("\n  ")}\n`)
    .join("\n");
}

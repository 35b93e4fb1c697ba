import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { servicePorts } from "../process/service-ports.ts";

/** Everything that makes a broker what it is: with the same again, it is the same broker. */
export interface KafkaNodeSpec {
  readonly id: number;
  readonly folder: string;
  readonly clusterId: string;
  readonly port: number;
  /** Where each broker of the cluster takes part in the quorum, by its id; this one among them. */
  readonly voters: readonly { readonly id: number; readonly port: number }[];
  /** Folder with Kafka's jars. */
  readonly jars: string;
  /** Text of its `server.properties`. Default: one made of the above. */
  readonly properties?: string;
  /** Passwords by user. With them it speaks TLS, asks for one, and lets nobody but `KAFKA_ADMIN` do what is not granted. */
  readonly users?: Readonly<Record<string, string>>;
}

/** The user who may do everything on a server with users. */
export const KAFKA_ADMIN = { username: "admin", password: "admin" } as const;

export const clusterSize = 3;

export function brokerOf({ port }: KafkaNodeSpec): string {
  return `127.0.0.1:${port}`;
}

/** The brokers of one cluster in `folder`, on free ports. */
export async function kafkaSpecs(folder: string, jars: string, count: number): Promise<KafkaNodeSpec[]> {
  const ports = await servicePorts(2 * count);
  const nextPort = (): number => ports.pop() ?? 0;
  // The first of its 22 characters is no dash: Kafka's tool would take the id for an option.
  const clusterId = `W${randomBytes(16).toString("base64url").slice(1)}`;
  const voters = Array.from({ length: count }, (_, index) => ({ id: index + 1, port: nextPort() }));
  return voters.map(({ id }) => ({
    id,
    folder: join(folder, `broker${id}`),
    clusterId,
    port: nextPort(),
    voters,
    jars,
  }));
}

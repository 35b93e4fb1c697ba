import { z } from "zod";

const environment = z.object({
  DATABASE_URL: z.string().min(1),
  /** Where the HTTP service listens; 0 takes any free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** How long another worker waits before it takes over from one that fell silent. */
  RELAY_LEASE_MS: z.coerce.number().int().default(5_000),
  /** `debug` also reports every message. */
  LOG_LEVEL: z.enum(["debug", "info"]).default("info"),
});

/** What the names of queues, topics and groups on a shared server begin with. */
const BROKER_PREFIX = z.string().min(1).max(60).default("order-service.");

/** Which broker the worker uses, and what that one needs to be told. */
const brokers = z.discriminatedUnion("BROKER", [
  z.object({
    BROKER: z.literal("native"),
    /** Where it keeps its messages. */
    BROKER_DATA_DIR: z.string().min(1).default("./data/broker"),
  }),
  z.object({ BROKER: z.literal("rabbitmq"), RABBITMQ_URL: z.string().min(1), BROKER_PREFIX }),
  z.object({
    BROKER: z.literal("kafka"),
    /** `host:port`, several with commas between them. */
    KAFKA_BROKERS: z.string().min(1),
    /** How long the others wait for a worker that fell silent before they take its partitions. */
    KAFKA_SESSION_TIMEOUT_MS: z.coerce.number().int().default(10_000),
    BROKER_PREFIX,
  }),
]);

export interface Config {
  readonly databaseUrl: string;
  readonly port: number;
  readonly relayLeaseMs: number;
  readonly logLevel: "debug" | "info";
}

export type BrokerConfig =
  | { readonly kind: "native"; readonly dataDir: string }
  | { readonly kind: "rabbitmq"; readonly url: string; readonly prefix: string }
  | {
      readonly kind: "kafka";
      readonly brokers: readonly string[];
      readonly sessionTimeoutMs: number;
      readonly prefix: string;
    };

/** Reads the settings of server and worker from the environment. Throws, naming each variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const { DATABASE_URL, PORT, RELAY_LEASE_MS, LOG_LEVEL } = parse(environment, env);
  return { databaseUrl: DATABASE_URL, port: PORT, relayLeaseMs: RELAY_LEASE_MS, logLevel: LOG_LEVEL };
}

/** Reads which broker `BROKER` names (default `native`). Throws, naming each variable that is wrong or missing. */
export function readBrokerConfig(env: NodeJS.ProcessEnv = process.env): BrokerConfig {
  const read = parse(brokers, { ...env, BROKER: env["BROKER"] ?? "native" });
  switch (read.BROKER) {
    case "native":
      return { kind: "native", dataDir: read.BROKER_DATA_DIR };
    case "rabbitmq":
      return { kind: "rabbitmq", url: read.RABBITMQ_URL, prefix: read.BROKER_PREFIX };
    case "kafka":
      return {
        kind: "kafka",
        brokers: read.KAFKA_BROKERS.split(",").map((broker) => broker.trim()),
        sessionTimeoutMs: read.KAFKA_SESSION_TIMEOUT_MS,
        prefix: read.BROKER_PREFIX,
      };
    default:
      return read satisfies never;
  }
}

function parse<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const parsed = schema.safeParse(env);
  if (!parsed.success) throw new Error(`Wrong environment:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

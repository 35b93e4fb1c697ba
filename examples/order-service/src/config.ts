import { z } from "zod";

const environment = z.object({
  DATABASE_URL: z.string().min(1),
  /** Where the HTTP service listens; 0 takes any free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** Where the worker's broker keeps its messages. */
  BROKER_DATA_DIR: z.string().min(1).default("./data/broker"),
  /** How long another worker waits before it takes over from one that fell silent. */
  RELAY_LEASE_MS: z.coerce.number().int().default(5_000),
  /** `debug` also reports every message. */
  LOG_LEVEL: z.enum(["debug", "info"]).default("info"),
});

export interface Config {
  readonly databaseUrl: string;
  readonly port: number;
  readonly brokerDataDir: string;
  readonly relayLeaseMs: number;
  readonly logLevel: "debug" | "info";
}

/** Reads the settings of server and worker from the environment. Throws, naming each variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const parsed = environment.safeParse(env);
  if (!parsed.success) throw new Error(`Wrong environment:\n${z.prettifyError(parsed.error)}`);
  const { DATABASE_URL, PORT, BROKER_DATA_DIR, RELAY_LEASE_MS, LOG_LEVEL } = parsed.data;
  return {
    databaseUrl: DATABASE_URL,
    port: PORT,
    brokerDataDir: BROKER_DATA_DIR,
    relayLeaseMs: RELAY_LEASE_MS,
    logLevel: LOG_LEVEL,
  };
}

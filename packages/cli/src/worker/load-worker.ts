import { createWaybill, describeEvent, WaybillError, type ReportedEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { loadConfig } from "./load-config.ts";
import { openBroker } from "./open-broker.ts";
import { parseWorkerConfig } from "./worker-config.ts";

/** What a configuration file may export as `waybill`: what `createWaybill` made, its consumers registered. */
export interface StartableWaybill {
  start(options: { readonly relay: boolean; readonly consumers: boolean }): Promise<void>;
  stop(options?: { readonly deadlineMs: number }): Promise<void>;
}

/** What a worker runs, and how it ends what it opened itself. */
export interface LoadedWorker {
  readonly waybill: StartableWaybill;
  /** Ends connections that the configuration did not bring. */
  readonly release: () => Promise<void>;
}

/**
 * Reads a configuration: a module that exports `waybill`, or a module or JSON file with the data of `WorkerConfig`
 * (a module exports it as `config`).
 *
 * @throws WaybillError `OPTIONS_INVALID` when the file cannot be read, holds neither, or names a broker that is not installed
 */
export async function loadWorker(file: string, env: NodeJS.ProcessEnv): Promise<LoadedWorker> {
  const { waybill, config } = await loadConfig(file);
  if (isWaybill(waybill)) return { waybill, release: () => Promise.resolve() };
  return fromConfig(file, config, env);
}

function isWaybill(value: unknown): value is StartableWaybill {
  return (
    typeof value === "object" && value !== null && "start" in value && "stop" in value && "consumer" in value
  );
}

async function fromConfig(file: string, given: unknown, env: NodeJS.ProcessEnv): Promise<LoadedWorker> {
  const { database, broker: brokerConfig, source, relay, retention } = parseWorkerConfig(file, given);
  const connectionString = database.url ?? env["DATABASE_URL"];
  if (connectionString === undefined) {
    const message = `${file} names no database.url, and DATABASE_URL is not set.`;
    throw new WaybillError("OPTIONS_INVALID", message);
  }
  const broker = await openBroker(file, brokerConfig, logLine);
  const pool = new Pool({ connectionString, max: database.connectionsMax });
  // Broken idle connections are replaced by themselves; a pool without a listener would end the process.
  pool.on("error", () => undefined);
  const waybill = createWaybill({
    source,
    storage: postgresStorage({ pool, schema: database.schema }),
    broker,
    onEvent: logLine,
    ...(relay === undefined ? {} : { relay }),
    ...(retention === undefined ? {} : { retention }),
  });
  return { waybill, release: () => pool.end() };
}

/** Everything but debug events, as one JSON line each. Payloads never appear. */
function logLine(event: ReportedEvent): void {
  if (event.level !== "debug") console.log(JSON.stringify(describeEvent(event)));
}

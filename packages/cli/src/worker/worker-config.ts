import { WaybillError, type RelayOptions, type Retention } from "@waybill/core";
import { z } from "zod";

const databaseSchema = z.strictObject({
  /** Default: the environment variable DATABASE_URL. */
  url: z.string().min(1).optional(),
  schema: z.string().min(1).default("waybill"),
  connectionsMax: z.int().min(1).max(1_000).default(10),
});

const configSchema = z.strictObject({
  source: z.string().min(1),
  database: databaseSchema.prefault({}),
  /** The broker that ships with Waybill, embedded in this process; its own options are checked by itself. */
  broker: z.strictObject({ native: z.looseObject({ dataDir: z.string().min(1) }) }),
  relay: z.custom<RelayOptions>((value) => typeof value === "object").optional(),
  retention: z.custom<Retention>((value) => typeof value === "object").optional(),
});

/** What `waybill worker` runs when nothing but data is configured: a relay and the jobs around it. */
export type WorkerConfig = z.input<typeof configSchema>;

/**
 * Checks a configuration that came from a file.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming the file, every wrong entry and what it wants
 */
export function parseWorkerConfig(file: string, config: unknown): z.output<typeof configSchema> {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw new WaybillError("OPTIONS_INVALID", `${file}: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

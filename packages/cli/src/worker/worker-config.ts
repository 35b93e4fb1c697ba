import { WaybillError, type RelayOptions, type Retention } from "@waybill/core";
import type { NativeBrokerOptions, RemoteBrokerOptions } from "@waybill/broker";
import type { KafkaBrokerOptions } from "@waybill/kafka";
import type { RabbitmqBrokerOptions } from "@waybill/rabbitmq";
import { z } from "zod";

const databaseSchema = z.strictObject({
  /** Default: the environment variable DATABASE_URL. */
  url: z.string().min(1).optional(),
  schema: z.string().min(1).default("waybill"),
  connectionsMax: z.int().min(1).max(1_000).default(10),
});

/** What is in it is checked by the broker itself. */
function optionsOf<T>() {
  return z.custom<T>((value) => typeof value === "object" && value !== null, "give its options");
}

const brokerSchema = z.union(
  [
    /** The broker that ships with Waybill: in this process (`dataDir`), or its server (`url`). */
    z.strictObject({ native: optionsOf<NativeBrokerOptions | RemoteBrokerOptions>() }),
    z.strictObject({ rabbitmq: optionsOf<RabbitmqBrokerOptions>() }),
    z.strictObject({ kafka: optionsOf<KafkaBrokerOptions>() }),
  ],
  'give one of { "native": … }, { "rabbitmq": … } and { "kafka": … }',
);

const configSchema = z.strictObject({
  source: z.string().min(1),
  database: databaseSchema.prefault({}),
  broker: brokerSchema,
  relay: z.custom<RelayOptions>((value) => typeof value === "object").optional(),
  retention: z.custom<Retention>((value) => typeof value === "object").optional(),
});

export type BrokerConfig = z.output<typeof brokerSchema>;

/** What `waybill worker` runs when nothing but data is configured: a relay and the jobs around it. */
export type WorkerConfig = z.input<typeof configSchema>;

/**
 * Checks a configuration that came from a file.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming the file, every wrong entry and what it wants
 */
export function parseWorkerConfig(file: string, config: unknown): z.output<typeof configSchema> {
  return parse(file, configSchema, config);
}

/**
 * The broker of a configuration that came from a file, whatever else is in it.
 *
 * @throws WaybillError `OPTIONS_INVALID` like `parseWorkerConfig`
 */
export function parseBrokerConfig(file: string, config: unknown): BrokerConfig {
  return parse(file, z.object({ broker: brokerSchema }), config).broker;
}

function parse<Schema extends z.ZodType>(file: string, schema: Schema, config: unknown): z.output<Schema> {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw new WaybillError("OPTIONS_INVALID", `${file}: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

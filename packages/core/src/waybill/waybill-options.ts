import { z } from "zod";
import type { ConsumerOptions } from "../consumer/consumer-options.ts";
import type { Topic } from "../message/topic.ts";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { Cron } from "../ports/cron.ts";
import type { EventListener } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import type { Retention } from "../recovery/recovery-jobs.ts";
import type { RelayOptions } from "../relay/relay-options.ts";

export interface WaybillOptions<Tx> {
  /** Names this service. It is recorded in the schema when that is migrated, and must match. */
  readonly source: string;
  readonly storage: Storage<Tx>;
  /** May be left out in processes that only send: they touch nothing but the database. */
  readonly broker?: Broker;
  readonly relay?: RelayOptions;
  /** For all groups of this process. */
  readonly consumer?: ConsumerOptions;
  /** Topics that this process relays but does not handle, where their `order` is not the default. */
  readonly topics?: readonly Topic[];
  readonly retention?: Retention;
  /** Default: warnings and errors as one line each on standard error. Payloads never appear. */
  readonly onEvent?: EventListener;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly cron?: Cron;
}

const part = (name: string, methods: readonly string[]): z.ZodType =>
  z.custom<object>(
    (value) => typeof value === "object" && value !== null && methods.every((method) => method in value),
    { error: `expected ${name}` },
  );

/** Checks the shape; nested options are checked by the parts they belong to. */
export const waybillOptionsSchema = z.strictObject({
  source: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i, "1 to 63 of A-Z a-z 0-9 . _ -, starting with a letter or digit"),
  storage: part("a storage, such as postgresStorage({ pool })", ["outbox", "relay", "inbox", "transaction"]),
  broker: part("a broker, such as nativeBroker({ dataDir })", ["publish", "subscribe", "fence"]).optional(),
  relay: z.object({}).loose().optional(),
  consumer: z.object({}).loose().optional(),
  topics: z.array(z.object({ name: z.string() }).loose()).optional(),
  retention: z
    .strictObject({
      outboxMs: z.int().min(1_000).optional(),
      inboxFoldMs: z.int().min(1_000).optional(),
      inboxIdsMs: z.int().min(1_000).optional(),
      dedupMs: z.int().min(1_000).optional(),
    })
    .optional(),
  onEvent: z
    .custom<EventListener>((value) => typeof value === "function", { error: "expected a function" })
    .optional(),
  clock: z.custom<Clock>().optional(),
  random: z.custom<Random>().optional(),
  cron: z.custom<Cron>().optional(),
});

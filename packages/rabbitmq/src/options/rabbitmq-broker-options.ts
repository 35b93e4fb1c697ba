import type { ConnectionOptions } from "node:tls";
import { z } from "zod";
import type { Clock, Random } from "@waybill/core";
import { DEFAULT_PARTITIONS, systemClock, systemRandom, WaybillError } from "@waybill/core";
import type { RabbitmqBrokerListener } from "../events.ts";

export interface RabbitmqBrokerOptions {
  /** `amqp://user:password@host:5672/vhost`, or `amqps://`. Give this or `urls`. */
  readonly url?: string;
  /** The nodes of one cluster, tried in turn. */
  readonly urls?: readonly string[];
  /** The durable topic exchange that everything is published to. Default `waybill`. */
  readonly exchange?: string;
  /** What the names of queues begin with; the group follows. Default `waybill.`. */
  readonly queuePrefix?: string;
  /** Default `quorum`: replicated. `classic` lives on one node, and is what servers without quorum queues get. */
  readonly queueType?: "quorum" | "classic";
  /** Further arguments of the groups' queues, such as `x-max-length`. */
  readonly queueArguments?: Readonly<Record<string, unknown>>;
  /** Queues of each group, the same in every process of it: more of them, more processes at work. Default 1. */
  readonly queues?: number;
  /** Partitions of the sources whose messages are consumed here. Default 32. */
  readonly partitions?: number;
  /** One process of a group at a time consumes a queue, which is what keeps the order. Default true. */
  readonly singleActiveConsumer?: boolean;
  /** `false`: exchange, queues and bindings are managed elsewhere, and only checked. Default true. */
  readonly declare?: boolean;
  /**
   * `true`: the server must be Waybill's own, which fences stale relays and recognises copies; `open` refuses another one.
   * `nativeBroker({ url })` sets it. Default false.
   */
  readonly positions?: boolean;
  /** Messages that may be unconfirmed at once. Default 2,000. */
  readonly confirmWindow?: number;
  /** Larger payloads are rejected here. Default 16 MiB, RabbitMQ's own limit since 4.0. */
  readonly payloadBytesMax?: number;
  /** A server that is silent for two of these is given up. Whole seconds, in milliseconds. Default 5,000. */
  readonly heartbeatMs?: number;
  /** How long one node may take to accept a connection. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long the server may take to declare, to bind or to open a channel. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Longest pause between attempts to connect. Default 5,000. */
  readonly reconnectMaxMs?: number;
  /** What the server's console calls the connections. Default `waybill`. */
  readonly connectionName?: string;
  /** For `amqps`: certificates and all else that Node's `tls.connect` takes. */
  readonly tls?: ConnectionOptions;
  /** Told what happens. What it throws is ignored. */
  readonly onEvent?: RabbitmqBrokerListener;
  readonly clock?: Clock;
  readonly random?: Random;
}

const MIB = 1024 * 1024;

const url = z.string().regex(/^amqps?:\/\/\S+$/, "give amqp://… or amqps://…");
const milliseconds = z.int().min(10).max(600_000);
const name = z.string().min(1).max(127);
const given = (value: unknown): boolean => typeof value === "object" && value !== null;
const callable = (value: unknown): boolean => typeof value === "function";

const schema = z.strictObject({
  url: url.optional(),
  urls: z.array(url).min(1).max(64).optional(),
  exchange: name.default("waybill"),
  queuePrefix: z.string().max(100).default("waybill."),
  queueType: z.enum(["quorum", "classic"]).default("quorum"),
  queueArguments: z.record(z.string(), z.unknown()).default({}),
  queues: z.int().min(1).max(256).default(1),
  partitions: z.int().min(1).max(1024).default(DEFAULT_PARTITIONS),
  singleActiveConsumer: z.boolean().default(true),
  declare: z.boolean().default(true),
  positions: z.boolean().default(false),
  confirmWindow: z.int().min(1).max(100_000).default(2_000),
  payloadBytesMax: z
    .int()
    .min(1)
    .max(512 * MIB)
    .default(16 * MIB),
  heartbeatMs: z.int().min(1_000).max(600_000).multipleOf(1_000).default(5_000),
  connectTimeoutMs: milliseconds.default(5_000),
  requestTimeoutMs: milliseconds.default(10_000),
  reconnectMaxMs: milliseconds.default(5_000),
  connectionName: name.default("waybill"),
  tls: z.custom<ConnectionOptions>(given, "give the options of tls.connect").default({}),
  onEvent: z.custom<RabbitmqBrokerListener>(callable, "give a function").default(() => () => {}),
  clock: z.custom<Clock>(given, "give a Clock").default(systemClock),
  random: z.custom<Random>(given, "give a Random").default(systemRandom),
});

export type ResolvedRabbitmqBrokerOptions = Omit<z.output<typeof schema>, "url" | "urls"> & {
  readonly urls: readonly string[];
};

/** @throws WaybillError `OPTIONS_INVALID` naming each wrong option and what it wants */
export function resolveRabbitmqBrokerOptions(options: RabbitmqBrokerOptions): ResolvedRabbitmqBrokerOptions {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw refused(z.prettifyError(parsed.error));
  const { url: one, urls: several, ...rest } = parsed.data;
  const urls = several ?? (one === undefined ? [] : [one]);
  if (urls.length === 0 || (one !== undefined && several !== undefined)) throw refused("give url or urls.");
  if (rest.queues > rest.partitions) {
    throw refused(
      `queues is ${rest.queues}, above ${rest.partitions} partitions: the rest would stay empty.`,
    );
  }
  return { ...rest, urls };
}

function refused(detail: string): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `rabbitmqBroker: ${detail}`);
}

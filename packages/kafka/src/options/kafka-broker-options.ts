import type { ConnectionOptions } from "node:tls";
import type { ICustomPartitioner, SASLOptions } from "kafkajs";
import { z } from "zod";
import type { Clock, Random } from "@waybill/core";
import { DEFAULT_PARTITIONS, systemClock, systemRandom, WaybillError } from "@waybill/core";
import type { KafkaBrokerListener } from "../events.ts";

export interface KafkaBrokerOptions {
  /** Where to ask for the cluster first: `host:port`, one or more. */
  readonly brokers: readonly string[];
  /** What the servers call this client. Default `waybill`. */
  readonly clientId?: string;
  /** What the names of Kafka topics begin with; the topic follows. Default none. */
  readonly topicPrefix?: string;
  /** What the names of Kafka consumer groups begin with; the group follows. Default none. */
  readonly groupPrefix?: string;
  /** What transactional ids begin with; `source/NAME` or `group/NAME` follows. Default `waybill/`. */
  readonly transactionalIdPrefix?: string;
  /** `false`: topics are managed elsewhere, and only checked. Default true. */
  readonly declare?: boolean;
  /** Kafka partitions of topics that are created here. Existing topics keep theirs. Default 8. */
  readonly topicPartitions?: number;
  /** Replicas of topics that are created here. Default 3, or as many as there are servers. */
  readonly replicationFactor?: number;
  /** Further settings of topics that are created here, such as `retention.ms`. */
  readonly topicConfig?: Readonly<Record<string, string>>;
  /** `false`: also topics that no consumer group has asked for are published to. Default true. */
  readonly requireGroup?: boolean;
  /** Partitions of the sources whose messages are consumed here, for messages that name none. Default 32. */
  readonly partitions?: number;
  /** Larger payloads are rejected here. Default 1 MiB. */
  readonly payloadBytesMax?: number;
  /** Bytes of messages that travel in one transaction; a larger batch is divided. Default 8 MiB. */
  readonly transactionBytesMax?: number;
  /** `gzip` needs nothing else. Default `none`. */
  readonly compression?: "none" | "gzip";
  /** How long one server may take to accept a connection. Default 3,000. */
  readonly connectTimeoutMs?: number;
  /** How long a server may take to answer a request. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** A transaction that is open for longer is aborted by the server: its readers wait no longer. Default 15,000. */
  readonly transactionTimeoutMs?: number;
  /** A member that is silent for longer loses its partitions. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** How often a member shows that it lives and learns of a rebalance. Default 1,000. */
  readonly heartbeatMs?: number;
  /** How long a rebalance waits for deliveries under way before they are released. Default 5,000. */
  readonly drainMs?: number;
  /** How long a server may hold a fetch back when there is nothing. Default 250. */
  readonly fetchWaitMs?: number;
  /** What was applied is recorded in Kafka after so long. Default 50. */
  readonly commitMs?: number;
  /** Longest pause before a lost consumer joins again. Default 5,000. */
  readonly reconnectMaxMs?: number;
  /** `true`, or what Node's `tls.connect` takes. Passed to kafkajs. */
  readonly ssl?: boolean | ConnectionOptions;
  /** Passed to kafkajs. */
  readonly sasl?: SASLOptions;
  /** For what `outboxed` producers were given: their own `createPartitioner`. Default that of kafkajs. */
  readonly createPartitioner?: ICustomPartitioner;
  /** Told what happens. What it throws is ignored. */
  readonly onEvent?: KafkaBrokerListener;
  readonly clock?: Clock;
  readonly random?: Random;
}

const MIB = 1024 * 1024;

const milliseconds = (defaultMs: number, minMs = 10) => z.int().min(minMs).max(3_600_000).default(defaultMs);
const namePart = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9._-]*$/, "use A-Z a-z 0-9 . _ -");
const given = (value: unknown): boolean => typeof value === "object" && value !== null;
const callable = (value: unknown): boolean => typeof value === "function";

const schema = z.strictObject({
  brokers: z.array(z.string().regex(/^[^\s:]+:\d+$|^\[[^\s]+\]:\d+$/, "give host:port")).min(1),
  clientId: z.string().min(1).max(200).default("waybill"),
  topicPrefix: namePart.default(""),
  groupPrefix: z.string().max(100).default(""),
  transactionalIdPrefix: z.string().max(200).default("waybill/"),
  declare: z.boolean().default(true),
  topicPartitions: z.int().min(1).max(1024).default(8),
  replicationFactor: z.int().min(1).max(32).optional(),
  topicConfig: z.record(z.string(), z.string()).default({}),
  requireGroup: z.boolean().default(true),
  partitions: z.int().min(1).max(1024).default(DEFAULT_PARTITIONS),
  payloadBytesMax: z
    .int()
    .min(1)
    .max(256 * MIB)
    .default(MIB),
  transactionBytesMax: z
    .int()
    .min(65_536)
    .max(64 * MIB)
    .default(8 * MIB),
  compression: z.enum(["none", "gzip"]).default("none"),
  connectTimeoutMs: milliseconds(3_000),
  requestTimeoutMs: milliseconds(10_000),
  transactionTimeoutMs: milliseconds(15_000, 1_000),
  sessionTimeoutMs: milliseconds(10_000, 500),
  heartbeatMs: milliseconds(1_000),
  drainMs: milliseconds(5_000, 0),
  fetchWaitMs: milliseconds(250, 1),
  commitMs: milliseconds(50, 0),
  reconnectMaxMs: milliseconds(5_000),
  ssl: z
    .union([z.boolean(), z.custom<ConnectionOptions>(given, "give true or the options of tls.connect")])
    .optional(),
  sasl: z.custom<SASLOptions>(given, "give what kafkajs takes").optional(),
  createPartitioner: z.custom<ICustomPartitioner>(callable, "give what kafkajs takes").optional(),
  onEvent: z.custom<KafkaBrokerListener>(callable, "give a function").default(() => () => {}),
  clock: z.custom<Clock>(given, "give a Clock").default(systemClock),
  random: z.custom<Random>(given, "give a Random").default(systemRandom),
});

export type ResolvedKafkaBrokerOptions = z.output<typeof schema>;

/** @throws WaybillError `OPTIONS_INVALID` naming each wrong option and what it wants */
export function resolveKafkaBrokerOptions(options: KafkaBrokerOptions): ResolvedKafkaBrokerOptions {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw refused(z.prettifyError(parsed.error));
  const { heartbeatMs, sessionTimeoutMs } = parsed.data;
  if (heartbeatMs * 2 > sessionTimeoutMs) {
    throw refused(
      `heartbeatMs is ${heartbeatMs}: give at most half of sessionTimeoutMs, which is ${sessionTimeoutMs}.`,
    );
  }
  return parsed.data;
}

function refused(detail: string): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `kafkaBroker: ${detail}`);
}

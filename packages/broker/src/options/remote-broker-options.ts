import { z } from "zod";
import type { Clock, Random, ReportedEvent } from "@waybill/core";
import { WaybillError } from "@waybill/core";

/** Certificates for `amqps:`, as Node's `tls.connect` takes them. */
export interface RemoteBrokerTls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
}

export interface RemoteBrokerOptions {
  /** `amqp://user:password@host:5672/vhost` of a server that `waybill broker` runs, or `amqps://`. */
  readonly url: string;
  /** The durable topic exchange that everything is published to. Default `waybill`. */
  readonly exchange?: string;
  /** What the names of queues begin with; the group follows. Default `waybill.`. */
  readonly queuePrefix?: string;
  /** Queues of each group, the same in every process of it: more of them, more processes at work. Default 1. */
  readonly queues?: number;
  /** Partitions of the sources whose messages are consumed here. Default 32. */
  readonly partitions?: number;
  /** Messages that may be unconfirmed at once. Default 2,000. */
  readonly confirmWindow?: number;
  /** Larger payloads are rejected here. Default 16 MiB, the server's own limit. */
  readonly payloadBytesMax?: number;
  /** A server that is silent for two of these is given up. Whole seconds, in milliseconds. Default 5,000. */
  readonly heartbeatMs?: number;
  /** How long the server may take to answer. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Longest pause between attempts to connect. Default 5,000. */
  readonly reconnectMaxMs?: number;
  /** What the server's log calls the connections. Default `waybill`. */
  readonly connectionName?: string;
  readonly tls?: RemoteBrokerTls;
  /** Told what happens: the events of the RabbitMQ adapter. What it throws is ignored. */
  readonly onEvent?: (event: ReportedEvent) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

const MIB = 1024 * 1024;
const name = z.string().min(1).max(127).optional();
const milliseconds = z.int().min(10).max(600_000).optional();
const given = (value: unknown): boolean => typeof value === "object" && value !== null;
const callable = (value: unknown): boolean => typeof value === "function";

const schema = z.strictObject({
  url: z.string().regex(/^amqps?:\/\/\S+$/, "give amqp://… or amqps://…"),
  exchange: name,
  queuePrefix: z.string().max(100).optional(),
  queues: z.int().min(1).max(256).optional(),
  partitions: z.int().min(1).max(1024).optional(),
  confirmWindow: z.int().min(1).max(100_000).optional(),
  payloadBytesMax: z
    .int()
    .min(1)
    .max(128 * MIB)
    .default(16 * MIB),
  heartbeatMs: z.int().min(1_000).max(600_000).multipleOf(1_000).optional(),
  requestTimeoutMs: milliseconds,
  reconnectMaxMs: milliseconds,
  connectionName: name,
  tls: z.custom<RemoteBrokerTls>(given, "give the options of tls.connect").optional(),
  onEvent: z.custom<(event: ReportedEvent) => void>(callable, "give a function").optional(),
  clock: z.custom<Clock>(given, "give a Clock").optional(),
  random: z.custom<Random>(given, "give a Random").optional(),
});

export type ResolvedRemoteBrokerOptions = RemoteBrokerOptions & { readonly payloadBytesMax: number };

/** @throws WaybillError `OPTIONS_INVALID` naming each wrong option and what it wants */
export function resolveRemoteBrokerOptions(options: RemoteBrokerOptions): ResolvedRemoteBrokerOptions {
  const parsed = schema.safeParse(options);
  if (!parsed.success)
    throw new WaybillError("OPTIONS_INVALID", `nativeBroker: ${z.prettifyError(parsed.error)}`);
  return { ...options, payloadBytesMax: parsed.data.payloadBytesMax };
}

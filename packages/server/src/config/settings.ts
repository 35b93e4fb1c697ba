import { z } from "zod";
import { addresses, bytes, bytesOrNone, count, durationMs, names, oneOf, text } from "./values.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const HOUR_MS = 3_600_000;

/** Every setting of the broker, with what it is when nobody says otherwise. */
export const settingsSchema = z.strictObject({
  dataDir: text("a folder").prefault("./waybill-data"),
  listen: addresses().prefault("127.0.0.1:5672"),
  tlsListen: addresses().prefault("none"),
  tlsCert: text("a file with the certificate and its chain in PEM").optional(),
  tlsKey: text("a file with the private key in PEM").optional(),
  tlsCa: text("a file with certificates in PEM").optional(),
  tlsClientCert: oneOf(["none", "require"]).prefault("none"),
  usersFile: text("a file").optional(),
  virtualHosts: names(256).prefault("/"),
  connectionsMax: count(1, 65_535).prefault(4_096),
  connectionsPerUserMax: count(1, 65_535).prefault(4_096),
  handshakesMax: count(1, 65_535).prefault(2_048),
  handshakesPerAddressMax: count(1, 65_535).prefault(1_024),
  handshakeTimeout: durationMs(100, 600_000).prefault("10s"),
  channelsMax: count(1, 65_535).prefault(2_047),
  frameBytesMax: bytes(4 * KIB, 4 * MIB).prefault("128KiB"),
  messageBytesMax: bytes(1, 120 * MIB).prefault("16MiB"),
  queuesPerVirtualHostMax: count(1, 10_000_000).prefault(50_000),
  exchangesPerVirtualHostMax: count(1, 10_000_000).prefault(50_000),
  bindingsPerVirtualHostMax: count(1, 100_000_000).prefault(200_000),
  exclusiveQueuesPerConnectionMax: count(1, 10_000_000).prefault(5_000),
  bytesPerVirtualHostMax: bytesOrNone(MIB, Number.MAX_SAFE_INTEGER).prefault("none"),
  heartbeat: durationMs(0, HOUR_MS).prefault("60s"),
  unflushedBytesMax: bytes(64 * KIB, GIB).prefault("64MiB"),
  memoryBytesMax: bytes(4 * KIB, 4 * GIB).prefault("64MiB"),
  backlogAlarmBytes: bytes(0, Number.MAX_SAFE_INTEGER).prefault("1GiB"),
  healthListen: addresses().prefault("127.0.0.1:15692"),
  logFormat: oneOf(["text", "json"]).prefault("text"),
  logLevel: oneOf(["debug", "info", "warn", "error"]).prefault("info"),
  shutdownTimeout: durationMs(0, HOUR_MS).prefault("10s"),
});

export type Settings = z.output<typeof settingsSchema>;
export type SettingName = keyof Settings;

/** How a setting is shown to people. */
interface Shown {
  /** What it is about. */
  readonly group: "Addresses" | "TLS" | "Data" | "Limits" | "Operation";
  /** Stands for the value in the help of a flag. */
  readonly value: string;
  readonly description: string;
}

export const shownSettings = {
  dataDir: {
    group: "Data",
    value: "folder",
    description: "where messages, queues and users are kept; one process owns it",
  },
  listen: { group: "Addresses", value: "address", description: "where clients connect without TLS" },
  tlsListen: {
    group: "Addresses",
    value: "address",
    description: "where clients connect with TLS; needs a certificate and key",
  },
  tlsCert: { group: "TLS", value: "file", description: "certificate and chain, PEM" },
  tlsKey: { group: "TLS", value: "file", description: "private key, PEM" },
  tlsCa: { group: "TLS", value: "file", description: "who signs the certificates of clients, PEM" },
  tlsClientCert: { group: "TLS", value: "choice", description: "require a certificate of clients, or none" },
  usersFile: {
    group: "Data",
    value: "file",
    description: "the users, when not users.json in the data folder",
  },
  virtualHosts: { group: "Data", value: "names", description: "virtual hosts to create at start" },
  connectionsMax: { group: "Limits", value: "count", description: "open connections at most" },
  connectionsPerUserMax: {
    group: "Limits",
    value: "count",
    description: "open connections of one user at most",
  },
  handshakesMax: {
    group: "Limits",
    value: "count",
    description: "connections that have not logged in yet at most",
  },
  handshakesPerAddressMax: { group: "Limits", value: "count", description: "the same, from one address" },
  handshakeTimeout: { group: "Limits", value: "time", description: "how long a client may take to log in" },
  channelsMax: { group: "Limits", value: "count", description: "channels of one connection at most" },
  frameBytesMax: { group: "Limits", value: "size", description: "largest frame" },
  messageBytesMax: { group: "Limits", value: "size", description: "largest message" },
  queuesPerVirtualHostMax: {
    group: "Limits",
    value: "count",
    description: "queues of each virtual host at most",
  },
  exchangesPerVirtualHostMax: {
    group: "Limits",
    value: "count",
    description: "exchanges of each virtual host at most, beside those that are always there",
  },
  bindingsPerVirtualHostMax: {
    group: "Limits",
    value: "count",
    description: "bindings of each virtual host at most",
  },
  exclusiveQueuesPerConnectionMax: {
    group: "Limits",
    value: "count",
    description: "exclusive queues of one connection at most",
  },
  bytesPerVirtualHostMax: {
    group: "Limits",
    value: "size",
    description: "messages in the queues of each virtual host; beyond it publishers to it have to wait",
  },
  heartbeat: {
    group: "Limits",
    value: "time",
    description: "heartbeat proposed to clients, in whole seconds; 0s turns it off",
  },
  unflushedBytesMax: {
    group: "Limits",
    value: "size",
    description: "published bytes that may wait for the disk; beyond it publishers are slowed down",
  },
  memoryBytesMax: {
    group: "Limits",
    value: "size",
    description: "messages of all queues in memory; the rest stays on disk",
  },
  backlogAlarmBytes: {
    group: "Data",
    value: "size",
    description: "warn when unsettled messages keep more than this much log on disk",
  },
  healthListen: {
    group: "Addresses",
    value: "address",
    description: "HTTP for /health, /metrics and /queues",
  },
  logFormat: { group: "Operation", value: "format", description: "log lines as text or json" },
  logLevel: {
    group: "Operation",
    value: "level",
    description: "the least important lines to write: debug, info, warn or error",
  },
  shutdownTimeout: {
    group: "Operation",
    value: "time",
    description: "how long to finish what is on its way when told to stop",
  },
} as const satisfies Record<SettingName, Shown>;

export const settingNames = Object.keys(shownSettings) as readonly SettingName[];

/** `--tls-cert` for `tlsCert`. */
export function flagOf(name: SettingName | "config"): string {
  return `--${words(name).join("-")}`;
}

/** `WAYBILL_BROKER_TLS_CERT` for `tlsCert`. */
export function variableOf(name: SettingName | "config"): string {
  return `${VARIABLE_PREFIX}${words(name).join("_").toUpperCase()}`;
}

export const VARIABLE_PREFIX = "WAYBILL_BROKER_";

/** The default as text, or `undefined` when there is none. */
export function defaultOf(name: SettingName): string | undefined {
  const { def } = settingsSchema.shape[name];
  return "defaultValue" in def ? String(def.defaultValue) : undefined;
}

function words(name: string): string[] {
  return name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}

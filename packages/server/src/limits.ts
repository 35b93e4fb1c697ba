import { z } from "zod";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the server grants its clients. Every number has a bound, so that no client takes what others need. */
export const limitsSchema = z.strictObject({
  /** Connections of users who have logged in. */
  connectionsMax: z.int().min(1).max(65_535).default(4_096),
  /** Of those, how many one user may have. */
  connectionsPerUserMax: z.int().min(1).max(65_535).default(4_096),
  /** Connections that have not logged in yet. Further ones are dropped without an answer. */
  handshakesMax: z.int().min(1).max(65_535).default(2_048),
  /** Of those, how many may come from one address. */
  handshakesPerAddressMax: z.int().min(1).max(65_535).default(1_024),
  /** From the first byte to `connection.open`. */
  handshakeTimeoutMs: z.int().min(100).max(600_000).default(10_000),
  /** Channels of one connection. */
  channelsMax: z.int().min(1).max(65_535).default(2_047),
  /** The largest frame, with its 8 bytes of overhead. */
  frameBytesMax: z
    .int()
    .min(4 * KIB)
    .max(16 * MIB)
    .default(128 * KIB),
  /** The largest body of a message. */
  messageBytesMax: z
    .int()
    .min(1)
    .max(128 * MIB)
    .default(16 * MIB),
  /** Of messages that have arrived in part, for all channels of a connection; at least one message is taken. */
  partialBytesMax: z
    .int()
    .min(1)
    .max(1024 * MIB)
    .default(32 * MIB),
  /** What the server proposes; the client's answer counts. 0: none. */
  heartbeatSeconds: z.int().min(0).max(65_535).default(60),
  /** Publications of one connection that wait for the disk: above it, nothing more is read from it. */
  unflushedBytesMax: z
    .int()
    .min(64 * KIB)
    .max(1024 * MIB)
    .default(8 * MIB),
  /** The same, of all connections together. */
  unflushedTotalBytesMax: z
    .int()
    .min(64 * KIB)
    .max(16_384 * MIB)
    .default(64 * MIB),
  /** What may wait to be sent to one client: above it, nothing is delivered to it until all of it has left. */
  outputBytesMax: z
    .int()
    .min(16 * KIB)
    .max(1024 * MIB)
    .default(1 * MIB),
  /** A client that takes none of what waits for it during this time is dropped. */
  sendTimeoutMs: z.int().min(1_000).max(3_600_000).default(120_000),
  /** How long a client may take to answer when the server closes the connection. */
  closeTimeoutMs: z.int().min(100).max(600_000).default(10_000),
});

/** As given; what is left out has its default. */
export type ServerLimits = z.input<typeof limitsSchema>;
export type ResolvedServerLimits = Readonly<z.output<typeof limitsSchema>>;

import { z } from "zod";
import { exponential, type RetryPolicy } from "../retry/retry-policy.ts";

export const relayOptionsSchema = z.strictObject({
  /** How long a relay that says nothing keeps its lease; a standby takes over within this time. Milliseconds. */
  leaseMs: z.int().min(500).max(600_000).default(5_000),
  /** Messages read and published together: fewer where they are so large that they would take much memory. */
  chunkRowsMax: z.int().min(1).max(20_000).default(4_000),
  /** How long a broker may take to confirm before the outcome counts as unknown. Milliseconds. */
  publishTimeoutMs: z.int().min(10).default(10_000),
  /** Pause between looks into the outbox after one that found something. Milliseconds. */
  pollBusyMs: z.int().min(1).default(2),
  /** Pause between looks when nothing came for a while. Milliseconds. */
  pollIdleMs: z.int().min(1).default(25),
  /** Longest pause while the broker is down. Milliseconds. */
  pauseMaxMs: z.int().min(1).default(5_000),
  /** For messages that the broker refused. */
  retry: z
    .custom<RetryPolicy>()
    .default(exponential({ firstMs: 1_000, maxMs: 60_000, attempts: 12, immediate: 0 })),
});

/** Options of a relay, all with defaults. */
export type RelayOptions = z.input<typeof relayOptionsSchema>;

export type ResolvedRelayOptions = z.output<typeof relayOptionsSchema>;

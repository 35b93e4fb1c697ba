import { z } from "zod";

export const publisherOptionsSchema = z.strictObject({
  /** How long the broker may take to confirm. Milliseconds. */
  confirmTimeoutMs: z.int().min(1).default(10_000),
  /** Rapid messages that may wait for the broker at once. */
  rapidMax: z.int().min(1).max(1_000_000).default(10_000),
  /** What happens to a rapid message beyond that: `throw` refuses it, `drop` counts it and forgets it. */
  rapidOverflow: z.enum(["throw", "drop"]).default("throw"),
});

/** Options of a publisher, all with defaults. */
export type PublisherOptions = z.input<typeof publisherOptionsSchema>;

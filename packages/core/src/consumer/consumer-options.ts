import { z } from "zod";

export const consumerOptionsSchema = z.strictObject({
  /** Deliveries that may be in work or waiting in this process at once. */
  prefetch: z.int().min(1).max(100_000).default(200),
  /** Messages handled at once; those of one partition always one after another. */
  concurrency: z.int().min(1).max(1_000).default(8),
  /** Messages that may begin in a second, evenly spread: peaks wait in the broker. Default: no limit. */
  perSecond: z.number().positive().nullable().default(null),
  /**
   * Sources whose positions are believed. Messages of others are recognised by their id alone, so that a forged
   * position cannot suppress a real message. Default: the own source.
   */
  trustedSources: z.array(z.string().min(1)).optional(),
  /** Pause before messages of unknown topics or newer versions are looked at again. Milliseconds. */
  unknownRetryMs: z.int().min(1).default(60_000),
  /**
   * How often the handler of one message is started without an end, because the process dies. Then the message is a dead
   * letter (`PROCESS_DIED`). A process that is killed from outside counts too. Nothing is counted for the first delivery.
   */
  startsMax: z.int().min(3).max(1_000).default(5),
  /** Longest pause while the group's own database is away. Milliseconds. */
  pauseMaxMs: z.int().min(1).default(5_000),
});

/** Options of a consumer, all with defaults. */
export type ConsumerOptions = z.input<typeof consumerOptionsSchema>;

export type ResolvedConsumerOptions = z.output<typeof consumerOptionsSchema>;

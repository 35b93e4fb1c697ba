import { z } from "zod";

/** How one message is sent. */
export interface SendOptions {
  /** Application headers, text only. `traceparent` and `tracestate` travel as W3C trace context. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Not delivered before this time, by the database's clock. Later messages of its key do not wait for it. */
  readonly deliverAt?: Date;
  /** Not delivered before this many milliseconds have passed. */
  readonly delayMs?: number;
  /** A message that could not be published by then becomes a dead letter. */
  readonly expiresAt?: Date;
  /**
   * Makes the transaction wait for others that send to the same topic and key, so that their messages have commit
   * order even though nothing else makes them exclude each other. Default false.
   */
  readonly serialize?: boolean;
}

export const sendOptionsSchema = z.strictObject({
  headers: z.record(z.string(), z.string()).default({}),
  deliverAt: z.date().optional(),
  delayMs: z.int().min(0).optional(),
  expiresAt: z.date().optional(),
  serialize: z.boolean().default(false),
});

export type ParsedSendOptions = z.output<typeof sendOptionsSchema>;

/** Parsed once and shared by all calls without options, the usual case. */
export const DEFAULT_SEND_OPTIONS: ParsedSendOptions = sendOptionsSchema.parse({});

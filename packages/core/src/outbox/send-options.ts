import { z } from "zod";
import type { PayloadOf, Topic } from "../message/topic.ts";
import { parseOptions } from "../options/parse-options.ts";

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
   * Of all messages of the topic with this key, only the first is recorded: later ones answer its id, for as long as
   * keys are remembered (`retention.dedupMs`, 7 days by default). Waits for an open transaction that sends with the
   * same key. 1 to 512 characters.
   */
  readonly dedupKey?: string;
  /**
   * Makes the transaction wait for others that send to the same topic and key, so that their messages have commit
   * order even though nothing else makes them exclude each other. Default false.
   */
  readonly serialize?: boolean;
}

/** How many messages are sent. */
export interface SendManyOptions<T extends Topic> extends Omit<SendOptions, "dedupKey"> {
  /** Gives each message its `SendOptions.dedupKey`. */
  readonly dedupKey?: (payload: PayloadOf<T>) => string;
}

const dedupKeySchema = z.string().min(1).max(512);

export const sendOptionsSchema = z.strictObject({
  dedupKey: dedupKeySchema.optional(),
  headers: z.record(z.string(), z.string()).default({}),
  deliverAt: z.date().optional(),
  delayMs: z.int().min(0).optional(),
  expiresAt: z.date().optional(),
  serialize: z.boolean().default(false),
});

export const sendManyOptionsSchema = sendOptionsSchema.omit({ dedupKey: true });

/** What one message of many is claimed by. @throws WaybillError `OPTIONS_INVALID` */
export function checkedDedupKey(key: unknown): string {
  return parseOptions("send", z.object({ dedupKey: dedupKeySchema }), { dedupKey: key }).dedupKey;
}

export type ParsedSendOptions = z.output<typeof sendOptionsSchema>;

/** Parsed once and shared by all calls without options, the usual case. */
export const DEFAULT_SEND_OPTIONS: ParsedSendOptions = sendOptionsSchema.parse({});

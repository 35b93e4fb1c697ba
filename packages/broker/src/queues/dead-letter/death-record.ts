import { decodeProperties, encodeProperties, replaceHeaders, Timestamp } from "@waybill/amqp";
import type { FieldTable, FieldValue } from "@waybill/amqp";
import type { DeathReason } from "../queue/queue-surroundings.ts";
import type { Content } from "../records/content-record.ts";

export interface Death {
  readonly reason: DeathReason;
  readonly queue: string;
  /** Wall clock in milliseconds. */
  readonly at: number;
  /** The message gets this routing key; then `CC` is taken away. */
  readonly routingKey: string | null;
}

/** The properties of a dead letter: `x-death` says what became of it, as RabbitMQ writes it, and it expires no more. */
export function withDeath(content: Content, death: Death, carbonCopies: readonly string[]): Buffer {
  const decoded = decodeProperties(content.properties);
  const { expiration, headers } = decoded;
  const deaths = deathsIn(headers);
  const same = deaths.find(({ queue, reason }) => queue === death.queue && reason === death.reason);
  const entry: FieldTable = {
    ...(same ?? {
      reason: death.reason,
      queue: death.queue,
      time: new Timestamp(Math.floor(death.at / 1000)),
      exchange: content.exchange,
      "routing-keys": [content.routingKey, ...carbonCopies],
      ...(expiration === undefined ? {} : { "original-expiration": expiration }),
    }),
    count: BigInt(countOf(same)) + 1n,
  };
  const first: FieldTable =
    headers?.["x-first-death-reason"] === undefined
      ? {
          "x-first-death-reason": death.reason,
          "x-first-death-queue": death.queue,
          "x-first-death-exchange": content.exchange,
        }
      : {};
  const properties =
    expiration === undefined
      ? content.properties
      : encodeProperties({ ...decoded, expiration: undefined, headers: headers ?? {} });
  return replaceHeaders(properties, {
    ...first,
    "x-death": [entry, ...deaths.filter((one) => one !== same)],
    ...(death.routingKey === null ? {} : { CC: undefined }),
  });
}

/**
 * Whether the message was in the queue before and came back by itself, without a client that rejected it: then it would
 * go round for ever.
 */
export function isCycle(content: Content, queue: string): boolean {
  const deaths = deathsIn(decodeProperties(content.properties).headers);
  if (!deaths.some((death) => death.queue === queue)) return false;
  return !deaths.some(({ reason }) => reason === "rejected");
}

function deathsIn(headers: FieldTable | undefined): FieldTable[] {
  const deaths = headers?.["x-death"];
  if (!Array.isArray(deaths)) return [];
  return (deaths as readonly FieldValue[]).filter(
    (death): death is FieldTable => typeof death === "object" && death !== null && "queue" in death,
  );
}

function countOf(death: FieldTable | undefined): number {
  const count = Number(death?.["count"] ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

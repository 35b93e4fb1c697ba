import type { MessageProperties } from "amqplib";
import type { Envelope } from "@waybill/core";
import { fromWire, WIRE } from "@waybill/core";

/** What of an AMQP message makes an envelope. */
export interface IncomingMessage {
  readonly routingKey: string;
  readonly properties: Partial<MessageProperties>;
  readonly content: Buffer;
}

/** A message read. */
export interface ReadMessage {
  readonly envelope: Envelope;
  /** Why Waybill headers were left aside, `null` when all could be read. */
  readonly ignored: string | null;
}

/** Headers by which RabbitMQ counts and traces what it delivers again: they say nothing about the message. */
const BROKERS_OWN =
  /^(x-(death|delivery-count|acquired-count|(first|last)-death-(exchange|queue|reason))|CC|BCC)$/;

/**
 * An envelope from an AMQP message, also from producers that know nothing of Waybill: then the routing key is the
 * topic, `message-id` the id and `app-id` the source. Nothing is refused, so that a message that is odd ends where
 * people look for it, among the dead letters of the group.
 *
 * @param partitions modulus for messages that name no partition
 * @param newId the id of a message that has none; another one each time it comes
 */
export function fromAmqp(message: IncomingMessage, partitions: number, newId: () => string): ReadMessage {
  const headers = withProperties(message, newId);
  const { content: payload } = message;
  try {
    return { envelope: fromWire({ headers, payload }, partitions), ignored: null };
  } catch (error) {
    const readable = withoutOptional(headers);
    return {
      envelope: fromWire({ headers: readable, payload }, partitions),
      ignored: error instanceof Error ? error.message : String(error),
    };
  }
}

/** Whether the group may have been given this message before. */
export function isRedelivered(
  redelivered: boolean,
  headers: Readonly<Record<string, unknown>> = {},
): boolean {
  if (redelivered) return true;
  const count = headers["x-delivery-count"];
  return (typeof count === "number" && count > 0) || headers["x-death"] !== undefined;
}

/** The message id that `toAmqp` gave a message, also one that comes back as unroutable. */
export function messageIdOf(properties: Partial<MessageProperties>): string | undefined {
  const id: unknown = properties.headers?.[WIRE.id] ?? properties.messageId;
  return typeof id === "string" ? id : undefined;
}

function withProperties(message: IncomingMessage, newId: () => string): Record<string, string> {
  const { properties, routingKey } = message;
  const headers = textHeaders(properties.headers ?? {});
  // Another program's `type` is its own; Waybill's is the topic.
  const type = headers[WIRE.specVersion] === undefined ? undefined : text(properties.type);
  headers[WIRE.id] ||= text(properties.messageId) ?? newId();
  headers[WIRE.source] ||= text(properties.appId) ?? "amqp";
  headers[WIRE.type] ||= type ?? (routingKey === "" ? "amqp" : routingKey);
  const contentType = text(properties.contentType);
  if (contentType !== undefined) headers[WIRE.contentType] ??= contentType;
  const time = timeOf(properties.timestamp);
  if (time !== undefined) headers[WIRE.time] ??= time;
  return headers;
}

function textHeaders(table: Readonly<Record<string, unknown>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of Object.keys(table)) {
    const value = table[name];
    if (typeof value === "string") {
      if (!BROKERS_OWN.test(name)) headers[name] = value;
    } else if ((typeof value === "number" || typeof value === "boolean") && !BROKERS_OWN.test(name)) {
      headers[name] = String(value);
    }
  }
  return headers;
}

function withoutOptional(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = { ...headers };
  for (const name of [WIRE.time, WIRE.version, WIRE.partition, WIRE.incarnation, WIRE.sequence])
    delete kept[name];
  return kept;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** AMQP counts seconds. */
function timeOf(timestamp: unknown): string | undefined {
  if (typeof timestamp !== "number") return undefined;
  const time = new Date(timestamp * 1000);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

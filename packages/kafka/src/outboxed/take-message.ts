import type { Message } from "kafkajs";
import { SYSTEM_HEADERS, WaybillError, WIRE, type Call } from "@waybill/core";
import { type HeaderValue, type KafkaCall, writeCall } from "./kafka-call.ts";
import { orderKeyOf } from "./order-key.ts";

const CONTENT_TYPE_UNKNOWN = "application/octet-stream";
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const TIMESTAMP = /^\d{1,15}$/;

/**
 * A message for a producer of kafkajs as a call for the outbox.
 *
 * @throws WaybillError `CALL_UNSUPPORTED` for what kafkajs or Kafka would refuse
 */
export function takeMessage(topic: string, message: Message): Call {
  if (!TOPIC.test(topic)) throw refused(`"${topic}" is no name of a topic`);
  const { key, value, headers, partition, timestamp } = message;
  if (value === undefined)
    throw refused(`a message for topic "${topic}" has no value; give null for a tombstone`);
  const call: KafkaCall = {
    key: bytesOrText(key ?? null),
    isTombstone: value === null,
    headers: Object.entries(headers ?? {}).map(([name, given]) => [name, headerValue(name, given)]),
    partition: checkPartition(partition),
    timestamp: checkTimestamp(timestamp),
  };
  return {
    topic,
    key: orderKeyOf(call),
    contentType: contentTypeOf(call),
    payload: Buffer.from(bytesOrText(value) ?? ""),
    call: writeCall(call),
  };
}

/** Numbers are made text, as kafkajs does. */
function bytesOrText(value: unknown): Buffer | string | null {
  if (value === null || typeof value === "string" || Buffer.isBuffer(value)) return value;
  if (typeof value === "number") return String(value);
  throw refused("a key or a value is neither text nor a Buffer");
}

function headerValue(name: string, value: unknown): HeaderValue {
  if (name.toLowerCase() === SYSTEM_HEADERS.call) throw refused(`header ${name} is Waybill's own`);
  if (Array.isArray(value)) return value.map((one) => single(name, one));
  return single(name, value);
}

function single(name: string, value: unknown): Buffer | string {
  if (typeof value === "string" || Buffer.isBuffer(value)) return value;
  throw refused(`header ${name} is neither text nor a Buffer`);
}

function checkPartition(partition: number | null | undefined): number | null {
  if (partition === undefined || partition === null) return null;
  if (Number.isInteger(partition) && partition >= 0) return partition;
  throw refused(`partition ${String(partition)} is no whole number from 0`);
}

function checkTimestamp(timestamp: unknown): string | null {
  if (timestamp === undefined || timestamp === null) return null;
  const text = typeof timestamp === "number" ? String(timestamp) : timestamp;
  if (typeof text === "string" && TIMESTAMP.test(text)) return text;
  throw refused(`timestamp ${JSON.stringify(timestamp)} is no number of milliseconds since 1970, as text`);
}

function contentTypeOf({ headers }: KafkaCall): string {
  const given = headers.find(([name]) => name.toLowerCase() === WIRE.contentType)?.[1];
  return typeof given === "string" && given !== "" ? given : CONTENT_TYPE_UNKNOWN;
}

function refused(detail: string): WaybillError {
  return new WaybillError("CALL_UNSUPPORTED", `outboxed producer: ${detail}.`);
}

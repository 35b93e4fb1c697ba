import type { IHeaders, Message } from "kafkajs";
import type { Envelope } from "@waybill/core";
import { SYSTEM_HEADERS, toWire, WIRE } from "@waybill/core";
import { readCall, type HeaderValue, type KafkaCall } from "./kafka-call.ts";
import { keyText } from "./order-key.ts";

/** A record that repeats a call, for kafkajs itself to write. */
export interface CallRecord extends Message {
  partition: number;
}

/** A record without the partition that it goes to. @throws Error when the recorded call cannot be read */
export function messageOfCall(envelope: Envelope): Message {
  const call = readCall(envelope.headers[SYSTEM_HEADERS.call] ?? "");
  const { payload } = envelope;
  return {
    key: call.key,
    value: call.isTombstone ? null : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    headers: headersOf(envelope, call),
    ...(call.partition === null ? {} : { partition: call.partition }),
    ...(call.timestamp === null ? {} : { timestamp: call.timestamp }),
  };
}

/** The application's own first and untouched, then Waybill's. */
function headersOf(envelope: Envelope, call: KafkaCall): IHeaders {
  const headers: IHeaders = Object.fromEntries(call.headers.map(([name, value]) => [name, sendable(value)]));
  const { [SYSTEM_HEADERS.call]: _call, ...waybill } = toWire(envelope).headers;
  for (const [name, value] of Object.entries(waybill)) {
    if (!Object.hasOwn(headers, name) && isSaid(name, call)) headers[name] = value;
  }
  return headers;
}

/**
 * The application's to say is the content type. Positions count within a topic and a source, either of which the
 * application may name otherwise: groups know the message by its id. Its key is the record's only where that is text.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([WIRE.contentType, WIRE.incarnation, WIRE.sequence]);

function isSaid(name: string, { key, partition }: KafkaCall): boolean {
  if (LEFT_OUT.has(name)) return false;
  return name !== WIRE.key || (key !== null && partition === null && keyText(key) !== null);
}

function sendable(value: HeaderValue): Buffer | string | (Buffer | string)[] {
  return typeof value === "string" || Buffer.isBuffer(value) ? value : [...value];
}

const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 8;

/** About what a record takes on the wire. */
export function bytesOfMessage({ key, value, headers = {} }: Message): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, values] of Object.entries(headers)) {
    for (const one of [values].flat()) bytes += HEADER_OVERHEAD_BYTES + name.length + (one?.length ?? 0);
  }
  return bytes;
}

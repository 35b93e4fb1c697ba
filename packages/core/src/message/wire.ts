import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "./envelope.ts";
import { partitionOf } from "./partition.ts";

/** Header names on every broker, pinned by `docs/wire.md`. The `ce_` ones are CloudEvents 1.0 attributes. */
export const WIRE = {
  specVersion: "ce_specversion",
  id: "ce_id",
  source: "ce_source",
  type: "ce_type",
  time: "ce_time",
  key: "ce_partitionkey",
  contentType: "content-type",
  version: "waybill-version",
  partition: "waybill-partition",
  incarnation: "waybill-incarnation",
  sequence: "waybill-sequence",
} as const;

/** Headers that Waybill adds to a message's own. Application headers may not start with `ce_` or `waybill-`. */
export const SYSTEM_HEADERS = {
  /** The id of the first message of a conversation. */
  correlationId: "waybill-correlation-id",
  /** The id of the message whose handler sent this one. */
  causationId: "waybill-causation-id",
  /** The position stays empty: `expired` or `rejected`. Such a message has no payload and runs no handler. */
  void: "waybill-void",
  /** This copy is for one group alone: others acknowledge it and record nothing. */
  group: "waybill-group",
  /** The message is another library's call, which the adapter of its broker repeats. It never leaves the outbox. */
  call: "waybill-call",
} as const;

const WIRE_NAMES: ReadonlySet<string> = new Set(Object.values(WIRE));

/** What a broker carries: headers as text, and the payload untouched. */
export interface WireMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** An envelope as headers and payload. `fromWire` is its inverse. */
export function toWire(envelope: Envelope): WireMessage {
  const headers: Record<string, string> = {
    ...envelope.headers,
    [WIRE.specVersion]: "1.0",
    [WIRE.id]: envelope.id,
    [WIRE.source]: envelope.source,
    [WIRE.type]: envelope.topic,
    [WIRE.time]: new Date(envelope.createdAt).toISOString(),
    [WIRE.contentType]: envelope.contentType,
    [WIRE.version]: String(envelope.version),
    [WIRE.partition]: String(envelope.partition),
  };
  if (envelope.key !== null) headers[WIRE.key] = envelope.key;
  if (envelope.position !== null) {
    headers[WIRE.incarnation] = envelope.position.incarnation;
    headers[WIRE.sequence] = String(envelope.position.sequence);
  }
  return { headers, payload: envelope.payload };
}

/**
 * An envelope from headers and payload. Producers without Waybill need only give `ce_id`, `ce_source` and `ce_type`.
 *
 * @param partitions modulus for messages that name no partition
 * @throws WaybillError `ENVELOPE_INVALID` when a header is missing or malformed
 */
export function fromWire(message: WireMessage, partitions: number): Envelope {
  const { headers } = message;
  const id = required(headers, WIRE.id);
  const key = headers[WIRE.key] ?? null;
  const time = headers[WIRE.time];
  const incarnation = headers[WIRE.incarnation];
  return {
    id,
    source: required(headers, WIRE.source),
    topic: required(headers, WIRE.type),
    version: wholeNumber(headers, WIRE.version, 1),
    key,
    partition: wholeNumber(headers, WIRE.partition, partitionOf(key, id, partitions)),
    headers: ownHeaders(headers),
    contentType: headers[WIRE.contentType] ?? "application/octet-stream",
    payload: message.payload,
    createdAt: time === undefined ? 0 : instant(time),
    position:
      incarnation === undefined ? null : { incarnation, sequence: wholeNumber(headers, WIRE.sequence, null) },
  };
}

function ownHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!WIRE_NAMES.has(name)) own[name] = value;
  }
  return own;
}

function required(headers: Readonly<Record<string, string>>, name: string): string {
  const value = headers[name];
  if (value === undefined || value === "") throw invalid(`header ${name} is missing`);
  return value;
}

function wholeNumber(
  headers: Readonly<Record<string, string>>,
  name: string,
  fallback: number | null,
): number {
  const text = headers[name];
  if (text === undefined && fallback !== null) return fallback;
  const value = text === undefined || !/^\d{1,16}$/.test(text) ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(value)) throw invalid(`header ${name} is not a whole number: ${String(text)}`);
  return value;
}

function instant(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw invalid(`header ${WIRE.time} is not a time: ${text}`);
  return value;
}

function invalid(detail: string): WaybillError {
  return new WaybillError(
    "ENVELOPE_INVALID",
    `The message cannot be read: ${detail}. docs/wire.md says what a message needs.`,
  );
}

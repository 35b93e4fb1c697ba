import type { Envelope } from "@waybill/core";
import { WIRE } from "@waybill/core";

/** The properties of AMQP that a message of Waybill has. */
interface OutgoingProperties {
  readonly headers: Readonly<Record<string, string>>;
  /** Persistent. */
  readonly deliveryMode: 2;
  readonly messageId: string | undefined;
  readonly appId: string | undefined;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
}

export interface OutgoingMessage {
  readonly content: Buffer;
  readonly properties: OutgoingProperties;
}

/** AMQP's short strings have a byte for their length. */
const SHORT_BYTES_MAX = 255;
/** A UTF-16 unit takes at most three bytes in UTF-8. */
const SHORT_FOR_SURE = 85;

/**
 * An envelope as AMQP message, as `docs/wire.md` pins it: four attributes are properties, which cost a third of a
 * header and are what the server's tools show; all others are in the header table. What is too long for a property
 * is a header as well.
 */
export function toAmqp(envelope: Envelope): OutgoingMessage {
  const { id, source, topic, key, contentType, position } = envelope;
  const headers: Record<string, string> = {
    ...envelope.headers,
    [WIRE.specVersion]: "1.0",
    [WIRE.time]: new Date(envelope.createdAt).toISOString(),
    [WIRE.version]: String(envelope.version),
    [WIRE.partition]: String(envelope.partition),
  };
  if (key !== null) headers[WIRE.key] = key;
  if (position !== null) {
    headers[WIRE.incarnation] = position.incarnation;
    headers[WIRE.sequence] = String(position.sequence);
  }
  const properties: OutgoingProperties = {
    headers,
    deliveryMode: 2,
    messageId: shortOr(headers, WIRE.id, id),
    appId: shortOr(headers, WIRE.source, source),
    type: shortOr(headers, WIRE.type, topic),
    contentType: shortOr(headers, WIRE.contentType, contentType),
  };
  return { content: asBuffer(envelope.payload), properties };
}

/** The text as a property, or, when it is too long for one, `undefined` and a header. */
function shortOr(headers: Record<string, string>, name: string, text: string): string | undefined {
  if (text.length <= SHORT_FOR_SURE || Buffer.byteLength(text) <= SHORT_BYTES_MAX) return text;
  headers[name] = text;
  return undefined;
}

/** The same bytes, not copied: amqplib copies them into its frames before `publish` returns. */
function asBuffer(payload: Uint8Array): Buffer {
  if (Buffer.isBuffer(payload)) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

import type { Envelope } from "@waybill/core";
import type { RecordSource } from "@waybill/log";
import { checkVersion, RECORD_KIND, RECORD_VERSION, unreadable } from "./record-kind.ts";

/*
 * One message, stored once however many groups get it. Little endian; texts in UTF-8.
 *
 *      0      1      2       3       4           8         12        16           24
 *      +------+------+-------+-------+-----------+---------+---------+------------+
 *      | kind | ver. | flags | id    | partition | version | content | created at |
 *      |  1   |  1   | 1 key | bytes | u32       | u32     | type    | f64 ms     |
 *      |      |      | 2 pos.| u8    |           |         | bytes   |            |
 *      +------+------+-------+-------+-----------+---------+---------+------------+
 *      24          32      34      36            40      44        48
 *      +-----------+-------+-------+-------------+-------+---------+----------------------------------
 *      | sequence  | source| topic | incarnation | key   | headers | id source topic incarnation
 *      | f64       | bytes | bytes | bytes       | bytes | bytes   | content-type key headers payload
 *      |           | u16   | u16   | u32         | u32   | u32     |
 *      +-----------+-------+-------+-------------+-------+---------+----------------------------------
 *
 * Headers are JSON, nothing when there are none. The payload is the rest of the record.
 */
const HEAD_BYTES = 48;
const FLAG_KEY = 1;
const FLAG_POSITION = 2;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
/** All texts together; with the largest payload a record still fits the log. */
export const TEXT_BYTES_MAX = 512 * 1024;

/** An envelope on its way into the log: measured once, then written straight into the commit buffer. */
export class MessageRecord implements RecordSource {
  readonly envelope: Envelope;
  readonly byteLength: number;
  readonly #headers: string;
  readonly #sourceBytes: number;
  readonly #topicBytes: number;
  readonly #contentTypeBytes: number;
  readonly #keyBytes: number;
  readonly #headersBytes: number;
  readonly #idBytes: number;
  readonly #incarnationBytes: number;

  constructor(envelope: Envelope) {
    this.envelope = envelope;
    this.#headers = hasOwnKeys(envelope.headers) ? JSON.stringify(envelope.headers) : "";
    this.#idBytes = Buffer.byteLength(envelope.id);
    this.#sourceBytes = Buffer.byteLength(envelope.source);
    this.#topicBytes = Buffer.byteLength(envelope.topic);
    this.#incarnationBytes =
      envelope.position === null ? 0 : Buffer.byteLength(envelope.position.incarnation);
    this.#contentTypeBytes = Buffer.byteLength(envelope.contentType);
    this.#keyBytes = envelope.key === null ? 0 : Buffer.byteLength(envelope.key);
    this.#headersBytes = this.#headers === "" ? 0 : Buffer.byteLength(this.#headers);
    this.byteLength = HEAD_BYTES + this.#textBytes() + envelope.payload.length;
  }

  /** What the format cannot hold, or `null`. */
  problem(): string | null {
    const { envelope } = this;
    if (this.#idBytes === 0 || this.#idBytes > 255) return "the id has 0 or more than 255 bytes";
    if (this.#sourceBytes > U16_MAX || this.#topicBytes > U16_MAX)
      return "source or topic has more than 65535 bytes";
    if (!isU32(envelope.partition)) return `partition ${envelope.partition} is not a whole number below 2^32`;
    if (!isU32(envelope.version)) return `version ${envelope.version} is not a whole number below 2^32`;
    if (envelope.position !== null && !isSequence(envelope.position.sequence)) {
      return `sequence ${envelope.position.sequence} is not a whole number from 0`;
    }
    if (this.#textBytes() > TEXT_BYTES_MAX)
      return `headers, key and names have more than ${TEXT_BYTES_MAX} bytes`;
    return null;
  }

  writeTo(target: Buffer, at: number): void {
    const { envelope } = this;
    const { position, key } = envelope;
    target[at] = RECORD_KIND.message;
    target[at + 1] = RECORD_VERSION;
    target[at + 2] = (key === null ? 0 : FLAG_KEY) | (position === null ? 0 : FLAG_POSITION);
    target[at + 3] = this.#idBytes;
    target.writeUInt32LE(envelope.partition, at + 4);
    target.writeUInt32LE(envelope.version, at + 8);
    target.writeUInt32LE(this.#contentTypeBytes, at + 12);
    target.writeDoubleLE(envelope.createdAt, at + 16);
    target.writeDoubleLE(position === null ? 0 : position.sequence, at + 24);
    target.writeUInt16LE(this.#sourceBytes, at + 32);
    target.writeUInt16LE(this.#topicBytes, at + 34);
    target.writeUInt32LE(this.#incarnationBytes, at + 36);
    target.writeUInt32LE(this.#keyBytes, at + 40);
    target.writeUInt32LE(this.#headersBytes, at + 44);
    let next = at + HEAD_BYTES;
    next = writeText(target, envelope.id, next, this.#idBytes);
    next = writeText(target, envelope.source, next, this.#sourceBytes);
    next = writeText(target, envelope.topic, next, this.#topicBytes);
    if (position !== null) next = writeText(target, position.incarnation, next, this.#incarnationBytes);
    next = writeText(target, envelope.contentType, next, this.#contentTypeBytes);
    if (key !== null) next = writeText(target, key, next, this.#keyBytes);
    next = writeText(target, this.#headers, next, this.#headersBytes);
    target.set(envelope.payload, next);
  }

  #textBytes(): number {
    return (
      this.#idBytes +
      this.#sourceBytes +
      this.#topicBytes +
      this.#incarnationBytes +
      this.#contentTypeBytes +
      this.#keyBytes +
      this.#headersBytes
    );
  }
}

export function isMessage(data: Buffer): boolean {
  return data[0] === RECORD_KIND.message;
}

/** The topic of a stored message, without decoding the rest. */
export function topicOfMessage(data: Buffer): string {
  const start = HEAD_BYTES + (data[3] ?? 0) + data.readUInt16LE(32);
  return data.toString("utf8", start, start + data.readUInt16LE(34));
}

/** The envelope of a stored message; its payload is a view on `data`. */
export function decodeMessage(data: Buffer): Envelope {
  checkVersion(data);
  const flags = data[2] ?? 0;
  let next = HEAD_BYTES;
  const text = (bytes: number): string => {
    const start = next;
    next += bytes;
    if (next > data.length) throw unreadable("a message record is shorter than its texts");
    return data.toString("utf8", start, next);
  };
  const id = text(data[3] ?? 0);
  const source = text(data.readUInt16LE(32));
  const topic = text(data.readUInt16LE(34));
  const incarnation = text(data.readUInt32LE(36));
  const contentType = text(data.readUInt32LE(12));
  const key = text(data.readUInt32LE(40));
  const headers = text(data.readUInt32LE(44));
  return {
    id,
    source,
    topic,
    version: data.readUInt32LE(8),
    key: (flags & FLAG_KEY) === 0 ? null : key,
    partition: data.readUInt32LE(4),
    headers: headers === "" ? {} : (JSON.parse(headers) as Record<string, string>),
    contentType,
    payload: data.subarray(next),
    createdAt: data.readDoubleLE(16),
    position: (flags & FLAG_POSITION) === 0 ? null : { incarnation, sequence: data.readDoubleLE(24) },
  };
}

const SHORT_TEXT_MAX = 64;

/** Short ASCII, the usual case, is copied here; a call into the encoder costs more than the whole text. */
function writeText(target: Buffer, text: string, at: number, bytes: number): number {
  if (bytes === text.length && bytes <= SHORT_TEXT_MAX) {
    for (let index = 0; index < bytes; index += 1) target[at + index] = text.charCodeAt(index);
  } else {
    target.write(text, at, bytes, "utf8");
  }
  return at + bytes;
}

function hasOwnKeys(headers: Readonly<Record<string, string>>): boolean {
  for (const name in headers) if (Object.hasOwn(headers, name)) return true;
  return false;
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= U32_MAX;
}

function isSequence(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
